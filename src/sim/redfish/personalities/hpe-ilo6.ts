import { assumed, reference } from '../evidence.ts';
import type { Personality } from '../personality.ts';
import { ILO_QUIRKS, hpeIlo5 } from './hpe-ilo5.ts';

/** HPE ProLiant Gen11, iLO 6: as iLO 5, with RAID and a boot mode that can be changed. */
export const hpeIlo6: Personality = {
  ...hpeIlo5,
  name: 'hpe-ilo6',
  product: 'ProLiant DL360 Gen11',
  model: 'ProLiant DL360 Gen11',
  redfishVersion: '1.18.0',
  bmcVersion: 'iLO 6 v1.57',
  biosVersion: 'U54 v1.46',
  quirks: ILO_QUIRKS,
  evidence: {
    ...hpeIlo5.evidence,
    names: assumed('a model of the generation that has an iLO 6'),
    versions: reference('2.3', 'iLO6 1.57 is the oldest that Metal3 supports; Redfish and BIOS version are assumed'),
  },
};
