/** From where we know a detail of a vendor's service. Whoever relies on one can see how much it is worth. */
export type Evidence =
  /** The project's own notes on BMCs (`bmc-and-ramdisk-facts`), by section; they name the sources they were read from. */
  | { kind: 'reference'; section: string; said: string }
  /** Something public that anyone can read: a capture, an issue, the source of another client or of the BMC itself. */
  | { kind: 'public'; source: string; said: string }
  /** Nobody showed it to us. It is here because the simulator must say something, or because a trap is worth having. */
  | { kind: 'assumption'; said: string };

/** @param section `2.4` */
export function reference(section: string, said: string): Evidence {
  return { kind: 'reference', section, said };
}

/** @param source `github.com/OWNER/REPOSITORY: PATH`, `github.com/…/issues/N`, `openstack/ironic: PATH`, `Launchpad N` */
export function seenIn(source: string, said: string): Evidence {
  return { kind: 'public', source, said };
}

export function assumed(said: string): Evidence {
  return { kind: 'assumption', said };
}

/** `facts §2.4`, the source, or nothing. */
export function sourceOf(evidence: Evidence): string {
  switch (evidence.kind) {
    case 'reference':
      return `facts §${evidence.section}`;
    case 'public':
      return evidence.source;
    case 'assumption':
      return '';
  }
}
