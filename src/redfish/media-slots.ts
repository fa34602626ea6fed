import type { Resource } from './calls.ts';
import { actionAt, at, flagAt, objectAt, textAt, textsAt } from './json.ts';

/** One slot of virtual media as its resource shows it. Pure reading; `virtual-media.ts` acts on it. */
export interface Slot {
  id: string;
  name: string;
  kinds: readonly ('cd' | 'dvd' | 'usb' | 'floppy')[];
  inserted: boolean;
  image?: string;
  resource: Resource;
  /** Targets of the actions; without them a slot is written by PATCH, if at all. */
  insertAction?: string;
  ejectAction?: string;
  /** Huawei's one action for both, where there is none of the standard. */
  vmmControl?: string;
}

const KINDS: Readonly<Record<string, Slot['kinds'][number]>> = {
  CD: 'cd',
  DVD: 'dvd',
  USBStick: 'usb',
  Floppy: 'floppy',
};

export function readSlot(resource: Resource): Slot {
  const { body, path } = resource;
  const image = textAt(body, 'Image');
  const insertAction = actionAt(body, '#VirtualMedia.InsertMedia');
  const ejectAction = actionAt(body, '#VirtualMedia.EjectMedia');
  const vmmControl = insertAction === undefined ? vmmControlOf(resource) : undefined;
  return {
    id: path,
    name: textAt(body, 'Name') ?? textAt(body, 'Id') ?? path,
    kinds: textsAt(body, 'MediaTypes')
      .map((type) => KINDS[type])
      .filter((kind) => kind !== undefined),
    // Some leave Inserted out and only name the image.
    inserted: flagAt(body, 'Inserted') ?? image !== undefined,
    ...(image === undefined ? {} : { image }),
    resource,
    ...(insertAction === undefined ? {} : { insertAction }),
    ...(ejectAction === undefined ? {} : { ejectAction }),
    ...(vmmControl === undefined ? {} : { vmmControl }),
  };
}

/** `Oem.Huawei.Actions`, on machines of its successors `Oem.Public.Actions`. */
function vmmControlOf({ body }: Resource): string | undefined {
  const makers = ['Huawei', 'Public'].map((maker) => objectAt(body, 'Oem', maker));
  return makers.map((maker) => actionAt(maker, '#VirtualMedia.VmmControl')).find((target) => target !== undefined);
}

/**
 * Slots that may take a CD image, best first: real CDs before DVDs (Cisco has only those) before anything without a type;
 * empty ones first; Lenovo's upload-only RDOC slots last.
 */
export function candidates(slots: readonly Slot[]): Slot[] {
  return slots
    .filter((slot) => rank(slot) < UNFIT)
    .toSorted((a, b) => rank(a) - rank(b) || Number(a.inserted) - Number(b.inserted));
}

const UNFIT = 100;

function rank(slot: Slot): number {
  const { kinds, resource, id } = slot;
  const upload = /\/RDOC/i.test(id) ? 10 : 0;
  if (kinds.includes('cd')) return upload;
  if (kinds.includes('dvd')) return upload + 1;
  return at(resource.body, 'MediaTypes') === undefined ? upload + 2 : UNFIT;
}

/** Does a slot read back what was inserted? Some BMCs mask or shorten the URL, some say nothing of it. */
export function holds(slot: Slot, url: string): boolean {
  if (!slot.inserted) return false;
  if (slot.image === undefined || slot.image === url) return true;
  const [wanted, seen] = [fileName(url), fileName(slot.image)];
  return wanted === seen && !/^https?:\/\//i.test(slot.image);
}

function fileName(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1);
}
