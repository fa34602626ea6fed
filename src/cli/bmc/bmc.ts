import { Command } from 'commander';
import { consoleCommand } from '../console.ts';
import { biosCommand } from './bios.ts';
import { bootModeCommands } from './boot-mode.ts';
import { firmwareCommand } from './firmware.ts';
import { lookCommands } from './look.ts';
import { mediaCommand } from './media.ts';
import { PASSWORD_VARIABLE } from './password.ts';
import { powerCommands } from './power.ts';
import { raidCommand } from './raid.ts';
import { traceCommand } from './trace.ts';
import { upkeepCommands } from './upkeep.ts';

/** `ingot bmc`: talks to one BMC directly, with or without a host object. */
export function bmcCommand(): Command {
  const bmc = new Command('bmc')
    .description('Look at and control one BMC (IPMI, Redfish). Every change is read back before it is reported.')
    .addHelpText(
      'after',
      `
The target is an address, or a BareMetalHost whose address and Secret are then used.
The password is read from --password-file, else from the environment variable ${PASSWORD_VARIABLE}, else asked for;
never from the command line, where every user of this machine could see it.

Examples:
  ingot bmc status ipmi://admin@192.0.2.10
  ingot bmc boot redfish://root@192.0.2.11 pxe --firmware uefi --password-file bmc.pass
  ingot bmc media insert default/node-0 http://192.0.2.1/rescue.iso
  ${PASSWORD_VARIABLE}=… ingot bmc cycle --json admin@192.0.2.10:6230

Exit codes: 0 done and seen to be done; 1 not done, with the error and its code on standard error (docs/errors.md), or
with --json as {"error":{"code","message","hint"}} on standard output; 2 wrong usage, nothing was sent to the BMC.`,
    );
  for (const command of powerCommands()) bmc.addCommand(command);
  for (const command of bootModeCommands()) bmc.addCommand(command);
  for (const command of upkeepCommands()) bmc.addCommand(command);
  for (const command of lookCommands()) bmc.addCommand(command);
  for (const command of [mediaCommand(), biosCommand(), firmwareCommand(), raidCommand(), traceCommand()]) {
    bmc.addCommand(command);
  }
  bmc.addCommand(consoleCommand());
  return bmc;
}
