import { decodeBootFlags, encodeBootFlags } from '../commands/chassis/boot-flags.ts';
import { BootParameter } from '../commands/chassis/boot-parameters.ts';
import { encodeBootOption } from '../commands/chassis/get-boot-option.ts';
import { ChassisCmd } from '../commands/chassis/numbers.ts';
import { Completion, NetFn, Privilege } from '../numbers.ts';
import { type Answer, type CommandParts, DONE, type Family, give, refuse } from './handler.ts';

/** System boot options (§28.12, §28.13). */
export const bootFamily: Family = (parts) => {
  const options = new BootOptions(parts);
  const netFn = NetFn.chassis;
  const privilege = Privilege.operator;
  return [
    { netFn, cmd: ChassisCmd.setBootOptions, privilege, run: (data) => options.set(data) },
    { netFn, cmd: ChassisCmd.getBootOptions, privilege, run: (data) => options.get(data) },
  ];
};

class BootOptions {
  readonly #parts: CommandParts;
  /** Parameters that are kept as they were written: set in progress, acknowledge. */
  readonly #kept = new Map<number, Uint8Array>([
    [BootParameter.setInProgress, Uint8Array.of(0)],
    [BootParameter.infoAcknowledge, Uint8Array.of(0, 0)],
  ]);

  constructor(parts: CommandParts) {
    this.#parts = parts;
  }

  async set(data: Uint8Array): Promise<Answer> {
    const [first] = data;
    if (first === undefined) return refuse(Completion.lengthInvalid);
    const parameter = first & 0x7f;
    const value = data.subarray(1);
    if (parameter === BootParameter.flagValidClearing && this.#parts.faults.noBootParameter3 === true) {
      return refuse(Completion.parameterNotSupported);
    }
    if (parameter === BootParameter.flags) {
      await this.#parts.boot.set(decodeBootFlags(value));
      return DONE;
    }
    if (parameter === BootParameter.flagValidClearing) {
      this.#parts.boot.clearing = value[0] ?? this.#parts.boot.clearing;
      return DONE;
    }
    const kept = this.#kept.get(parameter);
    if (kept === undefined) return refuse(Completion.parameterNotSupported);
    // A request with the parameter alone changes only its lock bit (§28.12), which we do not have.
    if (value.length === 0) return DONE;
    if (value.length < kept.length) return refuse(Completion.lengthInvalid);
    this.#kept.set(parameter, value.slice(0, kept.length));
    return DONE;
  }

  async get(data: Uint8Array): Promise<Answer> {
    const [first] = data;
    if (first === undefined) return refuse(Completion.lengthInvalid);
    const parameter = first & 0x7f;
    if (parameter === BootParameter.flags) {
      const flags = encodeBootFlags(await this.#parts.boot.get());
      return give(encodeBootOption({ parameter, invalid: false, data: flags }));
    }
    const clearing = parameter === BootParameter.flagValidClearing && this.#parts.faults.noBootParameter3 !== true;
    const kept = clearing ? Uint8Array.of(this.#parts.boot.clearing) : this.#kept.get(parameter);
    if (kept === undefined) return refuse(Completion.parameterNotSupported);
    return give(encodeBootOption({ parameter, invalid: false, data: kept }));
  }
}
