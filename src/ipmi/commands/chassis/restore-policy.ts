import { ByteReader } from '../../../wire/reader.ts';
import { NetFn } from '../../numbers.ts';
import { type Command, query } from '../command.ts';
import { ChassisCmd } from './numbers.ts';

/** What the machine does when mains power comes back (§28.8). */
export type RestorePolicy = 'stays-off' | 'as-before' | 'turns-on' | 'unknown';

export const POLICIES: readonly RestorePolicy[] = ['stays-off', 'as-before', 'turns-on', 'unknown'];
const NO_CHANGE = 3;

/**
 * Set Power Restore Policy (§28.8).
 * @param policy undefined: change nothing, only ask
 * @returns the policies that the chassis can keep
 */
export function setRestorePolicy(policy: Exclude<RestorePolicy, 'unknown'> | undefined): Command<RestorePolicy[]> {
  const value = policy === undefined ? NO_CHANGE : POLICIES.indexOf(policy);
  const data = Uint8Array.of(value);
  return query('Set Power Restore Policy', NetFn.chassis, ChassisCmd.setRestorePolicy, data, (reader) => {
    const supported = reader.u8('supported policies');
    return POLICIES.filter((_, i) => i < NO_CHANGE && ((supported >> i) & 1) === 1);
  });
}

/** The policy a request sets; undefined: it only asks. @throws WIRE_SHORT */
export function decodeRestorePolicy(data: Uint8Array): RestorePolicy | undefined {
  const value = new ByteReader(data).u8('restore policy') & 0x07;
  return value >= NO_CHANGE ? undefined : POLICIES[value];
}

/** Answer to Set Power Restore Policy. */
export function encodeRestorePolicies(supported: readonly RestorePolicy[]): Uint8Array {
  return Uint8Array.of(supported.reduce((bits, p) => bits | (1 << POLICIES.indexOf(p)), 0));
}
