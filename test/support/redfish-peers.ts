import type { QuirkKind } from '../../src/sim/redfish/quirks.ts';

/** What clients of others cannot do with a personality, each time with the quirk that is the cause. */
export interface PeerExpectations {
  /** Quirks that a peer cannot be run against at all, and why. The personality is played without them. */
  without?: Partial<Record<QuirkKind, string>>;
  /** Assertions of the DMTF's redfish-protocol-validator that fail. */
  validator?: Readonly<Record<string, QuirkKind>>;
  /** Steps of `sushy-tour.py` that fail. Debian's sushy is older than the one that Ironic has. */
  sushy?: Readonly<Record<string, QuirkKind>>;
}

const NO_ACCOUNT_ETAGS = { PROTO_ETAG_ON_GET_ACCOUNT: 'etags', RESP_HEADERS_ETAG: 'etags' } as const;

/** That sushy sends ETags with boot overrides alone. */
const NO_ETAGS_SENT = {
  bios: 'if-match-required',
  applied: 'if-match-required',
  'secure boot': 'if-match-required',
} as const;

/** By the name of the personality. Who is not listed has no exceptions. */
export const PEER_EXPECTATIONS: Readonly<Record<string, PeerExpectations>> = {
  'dell-idrac9': {
    without: { 'extended-info-object': 'the validator takes @Message.ExtendedInfo for a list and ends' },
    validator: NO_ACCOUNT_ETAGS,
  },
  'hpe-ilo5': { sushy: { registry: 'identity-refused', volume: 'no-raid' } },
  'hpe-ilo6': { sushy: { registry: 'identity-refused' } },
  'supermicro-x12': { sushy: { volume: 'accepted-without-task', update: 'accepted-without-task' } },
  'lenovo-xcc': { sushy: { bios: 'settings-apply-time-refused', applied: 'settings-apply-time-refused' } },
  'fujitsu-irmc': { sushy: { ...NO_ETAGS_SENT, media: 'media-needs' } },
  ami: {
    validator: {
      PROTO_ETAG_IF_MATCH_ENFORCED: 'etags',
      PROTO_HTTP_SUPPORTED_METHODS: 'etags',
      REQ_PATCH_BAD_PROP: 'etags',
      REQ_PATCH_MIXED_PROPS: 'etags',
      REQ_PATCH_ODATA_PROPS: 'etags',
      SEC_ACCOUNTS_SUPPORT_ETAGS: 'etags',
    },
    sushy: NO_ETAGS_SENT,
  },
  openbmc: { sushy: { volume: 'no-raid' } },
  'nvidia-dgx': { sushy: { ...NO_ETAGS_SENT, media: 'media-needs', volume: 'no-raid' } },
  'cisco-cimc': { validator: NO_ACCOUNT_ETAGS, sushy: { macs: 'no-ethernet-interfaces' } },
  'huawei-ibmc': { sushy: { ...NO_ETAGS_SENT, media: 'media-vmm-control' } },
};
