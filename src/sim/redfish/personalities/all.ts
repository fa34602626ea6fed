import { simErrors } from '../../errors.ts';
import type { Personality } from '../personality.ts';
import { ami } from './ami.ts';
import { ciscoCimc } from './cisco-cimc.ts';
import { dellIdrac9 } from './dell-idrac9.ts';
import { fujitsuIrmc } from './fujitsu-irmc.ts';
import { hpeIlo5 } from './hpe-ilo5.ts';
import { hpeIlo6 } from './hpe-ilo6.ts';
import { huaweiIbmc } from './huawei-ibmc.ts';
import { lenovoXcc } from './lenovo-xcc.ts';
import { nvidiaDgx } from './nvidia-dgx.ts';
import { openbmc } from './openbmc.ts';
import { plain } from './plain.ts';
import { supermicroX12 } from './supermicro-x12.ts';

export const PERSONALITIES: readonly Personality[] = [
  plain,
  dellIdrac9,
  hpeIlo5,
  hpeIlo6,
  supermicroX12,
  lenovoXcc,
  fujitsuIrmc,
  ami,
  openbmc,
  nvidiaDgx,
  ciscoCimc,
  huaweiIbmc,
];

/** @throws SIM_PERSONALITY_UNKNOWN */
export function personalityNamed(name: string): Personality {
  const found = PERSONALITIES.find((p) => p.name === name);
  if (found === undefined) {
    const known = PERSONALITIES.map((p) => p.name).join(', ');
    throw simErrors.make('SIM_PERSONALITY_UNKNOWN', `there is no personality "${name}"; there are ${known}`);
  }
  return found;
}
