import type { MediaSlotKind } from '../personality.ts';

/** One virtual drive of the BMC. */
export interface MediaSlot {
  readonly kind: MediaSlotKind;
  image: string | undefined;
  inserted: boolean;
  writeProtected: boolean;
  userName: string | undefined;
  /** `Inserted` still reads true until then, monotonic ms. */
  staleUntil: number | undefined;
  staleImage: string | undefined;
  verifyCertificate: boolean;
}

export function newSlot(kind: MediaSlotKind): MediaSlot {
  return {
    kind,
    image: undefined,
    inserted: false,
    writeProtected: true,
    userName: undefined,
    staleUntil: undefined,
    staleImage: undefined,
    verifyCertificate: false,
  };
}
