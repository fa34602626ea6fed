import { encodeFruInfo } from '../commands/fru/info.ts';
import { FruCmd } from '../commands/fru/numbers.ts';
import { decodeReadFru, encodeFruPart } from '../commands/fru/read.ts';
import { encodeSdrInfo } from '../commands/sdr/info.ts';
import { SdrCmd } from '../commands/sdr/numbers.ts';
import { decodeClearSel, encodeClearSel } from '../commands/sel/clear.ts';
import { encodeSelInfo } from '../commands/sel/info.ts';
import { SelCmd } from '../commands/sel/numbers.ts';
import { decodeReadPart, encodeRecordPart, encodeReservation, LAST_RECORD, WHOLE_RECORD } from '../commands/records.ts';
import { Completion, NetFn, Privilege } from '../numbers.ts';
import { encodeSdr } from '../sdr/record.ts';
import { encodeSelRecord } from '../sel/record.ts';
import { ByteReader } from '../../wire/reader.ts';
import { ByteWriter } from '../../wire/writer.ts';
import { type Answer, DONE, type Family, give, refuse } from './handler.ts';

/** "1.5" of SEL and SDR, BCD with the digits swapped. */
const VERSION = 0x51;
/** Reserve is supported; nothing may be deleted or added by a partial write. */
const RESERVE = 0x02;
/** Largest part of a record that fits our answers. */
const MAX_PART = 64;

interface Stored {
  id: number;
  bytes: Uint8Array;
}

/** Serves part of a record out of `records`; ids 0 and 0xffff are the first and the last (§31.5, §33.12). */
function record(data: Uint8Array, records: readonly Stored[], reservation: number): Answer {
  const part = decodeReadPart(data);
  // Parts need a reservation; the start of a record does not (§33.11).
  if (part.offset !== 0 && part.reservationId !== reservation) return refuse(Completion.reservationCancelled);
  const at = part.recordId === 0 ? 0 : part.recordId === LAST_RECORD ? records.length - 1 : indexOf(records, part);
  const found = records[at];
  if (found === undefined) return refuse(Completion.notPresent);
  if (part.offset > found.bytes.length) return refuse(Completion.outOfRange);
  const count = part.count === WHOLE_RECORD ? MAX_PART : part.count;
  if (count > MAX_PART || (part.count === WHOLE_RECORD && found.bytes.length > MAX_PART)) {
    return refuse(Completion.cannotReturnBytes);
  }
  const next = records[at + 1]?.id ?? LAST_RECORD;
  return give(encodeRecordPart(next, found.bytes.subarray(part.offset, part.offset + count)));
}

const indexOf = (records: readonly Stored[], part: { recordId: number }): number =>
  records.findIndex((r) => r.id === part.recordId);

/** The system event log (§31). */
export const selFamily: Family = ({ model: { sel } }) => {
  const netFn = NetFn.storage;
  const { user, operator } = Privilege;
  const stored = () => sel.records.map((r) => ({ id: r.id, bytes: encodeSelRecord(r) }));
  return [
    {
      netFn,
      cmd: SelCmd.info,
      privilege: user,
      run: () => give(encodeSelInfo({ ...sel.info(), version: VERSION, support: RESERVE })),
    },
    { netFn, cmd: SelCmd.reserve, privilege: user, run: () => give(encodeReservation(sel.reserve())) },
    { netFn, cmd: SelCmd.getEntry, privilege: user, run: (data) => record(data, stored(), sel.reservation) },
    {
      netFn,
      cmd: SelCmd.clear,
      privilege: operator,
      run(data) {
        const asked = decodeClearSel(data);
        if (asked === undefined) return refuse(Completion.invalidField);
        if (asked.reservationId !== sel.reservation) return refuse(Completion.reservationCancelled);
        if (asked.action === 'start') sel.clear();
        return give(encodeClearSel(true));
      },
    },
    { netFn, cmd: SelCmd.getTime, privilege: user, run: () => give(new ByteWriter(4).u32le(sel.seconds()).finish()) },
    {
      netFn,
      cmd: SelCmd.setTime,
      privilege: operator,
      run(data) {
        sel.setSeconds(new ByteReader(data).u32le('time'));
        return DONE;
      },
    },
  ];
};

/** The SDR repository (§33). It never changes. */
export const sdrFamily: Family = ({ model }) => {
  const netFn = NetFn.storage;
  const privilege = Privilege.user;
  let reservation = 0;
  const stored = model.sdrs.map((r) => ({ id: r.id, bytes: encodeSdr(r) }));
  const info = encodeSdrInfo({
    version: VERSION,
    records: stored.length,
    freeBytes: 0,
    lastAddition: model.madeAt,
    lastErase: model.madeAt,
    support: RESERVE,
  });
  return [
    { netFn, cmd: SdrCmd.info, privilege, run: () => give(info) },
    {
      netFn,
      cmd: SdrCmd.reserve,
      privilege,
      run() {
        reservation = (reservation % 0xfffe) + 1;
        return give(encodeReservation(reservation));
      },
    },
    { netFn, cmd: SdrCmd.getRecord, privilege, run: (data) => record(data, stored, reservation) },
  ];
};

/** FRU inventories (§34). */
export const fruFamily: Family = ({ model }) => {
  const netFn = NetFn.storage;
  const privilege = Privilege.user;
  return [
    {
      netFn,
      cmd: FruCmd.info,
      privilege,
      run(data) {
        const bytes = model.frus.get(new ByteReader(data).u8('device'));
        return bytes === undefined
          ? refuse(Completion.notPresent)
          : give(encodeFruInfo({ bytes: bytes.length, words: false }));
      },
    },
    {
      netFn,
      cmd: FruCmd.read,
      privilege,
      run(data) {
        const { device, offset, count } = decodeReadFru(data);
        const bytes = model.frus.get(device);
        if (bytes === undefined) return refuse(Completion.notPresent);
        if (offset >= bytes.length) return refuse(Completion.outOfRange);
        if (count > MAX_PART) return refuse(Completion.cannotReturnBytes);
        return give(encodeFruPart(bytes.subarray(offset, offset + count)));
      },
    },
  ];
};
