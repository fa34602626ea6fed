import type { Pace } from '../core/pacer.ts';
import type { DeviceId } from '../ipmi/commands/app/device-id.ts';
import type { WireQuirks } from '../ipmi/wire-quirks.ts';
import type { BmcBehaviour } from './quirks.ts';

/** One way in which boards depart from the specification, with what we know it from. */
export interface QuirkRow {
  /** As `ingot.dev/bmc-quirks` names it. */
  name: string;
  /** What we do about it. */
  does: string;
  boards: string;
  /** Where it was learnt; see the sources of the reference page on BMCs. */
  evidence: string;
  wire?: WireQuirks;
  behaviour?: Partial<BmcBehaviour>;
  pace?: Pace;
  /** Boards that get it without being asked. All others get it when the host's annotation names it. */
  auto?: (id: DeviceId) => boolean;
}

const SUPERMICRO: ReadonlySet<number> = new Set([10876, 47488]);

export const IPMI_QUIRKS: readonly QuirkRow[] = [
  {
    name: 'intelplus',
    does: 'RAKP 4 is checked with the hash of the integrity algorithm; the role counts bare in RAKP 3; SOL: flags C4h, and 0 characters acknowledged are all',
    boards: 'older Intel',
    evidence: 'ipmitool src/plugins/lanplus/lanplus_crypt.c, lanplus.c, lib/ipmi_sol.c (-o intelplus)',
    wire: { rakp4ByIntegrity: true, bareRoleInRakp3: true, solFlags: 0xc4, solZeroIsAll: true },
  },
  {
    name: 'i82571spt',
    does: 'the role counts bare in all codes; RAKP 1 is always 44 bytes long; no questions but those for a console, which is asked for with flags 08h',
    boards: 'Intel 82571',
    evidence: 'ipmitool src/plugins/lanplus/lanplus.c, lanplus_crypt.c, lib/ipmi_sol.c (-o i82571spt)',
    wire: { bareRole: true, fullRakp1: true, bareSession: true, solFlags: 0x08 },
  },
  {
    name: 'icts',
    does: 'the integrity pad is counted without the two bytes after it',
    boards: 'Intel IPMI conformance suite',
    evidence: 'ipmitool src/plugins/lanplus/lanplus.c (-o icts)',
    wire: { padWithoutTrailer: true },
  },
  {
    name: 'se7520af2',
    does: 'user names of 16 bytes, zero padded; HMAC-MD5 with 16 bytes of password; users by name and level',
    boards: 'Intel SE7520AF2 family',
    evidence: 'FreeIPMI workaround intel20',
    wire: { paddedName: true, md5Password16: true, noNameOnlyLookup: true },
  },
  {
    name: 'exact-role',
    does: 'users are looked up by name and privilege level together, never by name alone',
    boards: 'OpenBMC (phosphor-net-ipmid) and others; done by itself after a refusal',
    evidence: 'openbmc/phosphor-net-ipmid',
    wire: { noNameOnlyLookup: true },
  },
  {
    name: 'ask-highest-privilege',
    does: 'Open Session asks for the highest level instead of naming one',
    boards: 'early Tyan',
    evidence: 'FreeIPMI doc/freeipmi-bugs-issues-and-workarounds.txt',
    wire: { askHighest: true },
  },
  {
    name: 'password-16',
    does: 'passwords are cut to 16 bytes',
    boards: 'Supermicro X8DTG-D; any board that speaks IPMI 1.5',
    evidence: 'FreeIPMI doc/freeipmi-bugs-issues-and-workarounds.txt',
    wire: { password16: true },
  },
  {
    name: 'bad-checksums',
    does: 'replies with wrong message checksums are taken',
    boards: 'Supermicro X9SCM, X9DRi',
    evidence: 'FreeIPMI workaround nochecksumcheck',
    wire: { ignoreChecksums: true },
  },
  {
    name: 'zero-session-ids',
    does: 'replies may carry session id 0',
    boards: 'Tyan S2882',
    evidence: 'FreeIPMI workaround idzero',
    wire: { zeroSessionIds: true },
  },
  {
    name: 'any-sequence',
    does: 'sequence numbers of replies are not checked: an old reply could be played again',
    boards: 'Sun X4100, which sends them in the wrong byte order',
    evidence: 'FreeIPMI doc/freeipmi-bugs-issues-and-workarounds.txt',
    wire: { anySequence: true },
  },
  {
    name: 'unsigned-replies',
    does: 'IPMI 1.5: replies without a code, or with an empty one, are taken in signed sessions',
    boards: 'Dell PowerEdge 2850, IBM e325, some ASUS; Xyratex HB-F8-SRAY (empty codes)',
    evidence: 'FreeIPMI workaround forcepermsg, LAN Authentication Issue #24; bougou/go-ipmi',
    wire: { unsignedReplies: true },
  },
  {
    name: 'supermicro-oem-auth',
    does: 'IPMI 1.5: authentication type OEM, with a digest of password and challenge; replies are not checked',
    boards: 'Supermicro before IPMI 2.0, early ones of which offer nothing else',
    evidence: 'ipmitool lib/ipmi_oem.c, src/plugins/lan/auth.c (-o supermicro); FreeIPMI LAN Authentication Issue #2',
    wire: { oemAuth: 'supermicro' },
  },
  {
    name: 'quanta-oem-auth',
    does: 'IPMI 1.5: authentication type OEM, with the password in the clear; replies are not checked',
    boards: 'Quanta before IPMI 2.0',
    evidence: 'ipmitool lib/ipmi_oem.c (-o quanta)',
    wire: { oemAuth: 'quanta' },
  },
  {
    name: 'no-v1.5',
    does: 'IPMI 1.5 is not tried, whatever the BMC says that it speaks',
    boards: 'HP DL145; Supermicro X11, H11, H12',
    evidence: 'FreeIPMI doc/freeipmi-bugs-issues-and-workarounds.txt',
    wire: { neverV15: true },
  },
  {
    name: 'no-authentication',
    does: 'sessions without any password: cipher suite 0, authentication type none of IPMI 1.5',
    boards: 'boards whose accounts are lost; anybody on their network can have such a session',
    evidence: 'IPMI v2.0 §22.15.2; CVE-2013-4783',
    wire: { noAuthentication: true },
  },
  {
    name: 'slow-pace',
    does: 'two commands at once, then one every two seconds',
    boards: 'boards whose IPMI stack hangs after a burst of power commands',
    evidence: 'github.com/siderolabs/omni/issues/785',
    pace: { burst: 2, perSecond: 0.5, afterFailureMs: 5000 },
  },
  {
    name: 'no-boot-flag-timeout',
    does: 'boot parameter 3, which keeps the boot flags longer than 60 s, is not written at all',
    boards: 'boards that do worse than refuse it (a refusal, as by OpenBMC, needs no quirk)',
    evidence: 'Ironic ipmi_disable_boot_timeout',
    behaviour: { keepsBootFlags: false },
  },
  {
    name: 'bios-setup-ff',
    does: 'UEFI boot into the BIOS setup is asked for by flag byte FF',
    boards: 'Supermicro, older firmware',
    evidence: 'github.com/metal-stack/metal-core/issues/19',
    behaviour: { efiFlagBytes: { 'bios-setup': 0xff } },
  },
  {
    name: 'supermicro-disk',
    does: 'UEFI boot from disk is asked for by device 24h',
    boards: 'Supermicro',
    evidence: 'Ironic drivers/modules/ipmitool.py',
    behaviour: { efiSelectors: { disk: 0x24 } },
    auto: (id) => SUPERMICRO.has(id.manufacturerId),
  },
  {
    name: 'boot-at-power-on',
    does: 'a boot override set while the machine runs may read back as the old one',
    boards: 'virtualbmc, whose ids are all zero',
    evidence: 'seen in virtualbmc 3.2 with libvirt',
    behaviour: { overrideAppliesAtPowerOn: true },
    auto: (id) => id.manufacturerId === 0 && id.productId === 0 && id.deviceId === 0,
  },
];

/** Departures that need no switch: every BMC is treated so that they do no harm. Here for the evidence. */
export const ALWAYS_HANDLED: readonly { what: string; boards: string; evidence: string; how: string }[] = [
  {
    what: 'RAKP 2 or 4 is longer than its hash, or miscounted',
    boards: 'Supermicro H8QME, Sun X4100',
    evidence: 'FreeIPMI workarounds supermicro20, sun20',
    how: 'the code must be there in full; what follows it and the length field do not matter',
  },
  {
    what: 'RAKP 4 of suite 0 carries a check value',
    boards: 'several',
    evidence: 'FreeIPMI doc/freeipmi-bugs-issues-and-workarounds.txt',
    how: 'without authentication there is nothing to compare it with',
  },
  {
    what: 'the highest privilege is computed wrongly when none is named',
    boards: 'Supermicro X8, Intel S5500WBV, S2600JF, Quanta S4R, Dell C5220',
    evidence: 'FreeIPMI doc/freeipmi-bugs-issues-and-workarounds.txt',
    how: 'a level is always named',
  },
  {
    what: 'Set Session Privilege Level refuses all but the exact maximum',
    boards: 'Xyratex',
    evidence: 'FreeIPMI doc/freeipmi-bugs-issues-and-workarounds.txt',
    how: 'lower levels are asked for one after another',
  },
  {
    what: 'Activate Session answers with another authentication type than asked',
    boards: 'some ASUS',
    evidence: 'bougou/go-ipmi',
    how: 'the type of the answer is adopted',
  },
  {
    what: '"insufficient resources" means that the cipher suite is not spoken',
    boards: 'Intel M50CYP',
    evidence: 'FreeIPMI doc/freeipmi-bugs-issues-and-workarounds.txt',
    how: 'the next suite is tried before waiting',
  },
  {
    what: 'another cipher suite is answered than asked for',
    boards: 'virtualbmc',
    evidence: 'seen in virtualbmc 3.2',
    how: 'the login starts again with the suite of the answer, when it is allowed',
  },
  {
    what: 'a packet out of turn in a login ends the BMC process',
    boards: 'virtualbmc (pyghmi server): Close Session before RAKP 3, RAKP 3 with a status before RAKP 2',
    evidence: 'seen in pyghmi 1.5.34',
    how: 'a login that is given up is finished and closed, or left to the BMC',
  },
  {
    what: 'the boot flags are gone before the power comes on',
    boards: 'OpenBMC, and boards that take boot parameter 3 without heeding it',
    evidence: 'IPMI v2.0 §28.13 table 28-14; openbmc/phosphor-host-ipmid',
    how: 'flags older than 30 s are read right before power on, and set again when they are gone',
  },
  {
    what: 'a one-time network boot is ignored now and then',
    boards: 'some Supermicro',
    evidence: 'github.com/redhat-performance/JetSki/pull/110',
    how: 'the machine is off when the flags are set, and switched on after that; a boot unheard of is repeated',
  },
  {
    what: 'Chassis Control power cycle is refused',
    boards: 'Supermicro 5039ms, virtualbmc',
    evidence: 'github.com/redhat-performance/jetpack/issues/443',
    how: 'a cycle is off, wait, on',
  },
  {
    what: 'boot parameter 3 is refused',
    boards: 'OpenBMC',
    evidence: 'openbmc/phosphor-host-ipmid',
    how: 'noted once, not sent again; the override is set just before power on',
  },
  {
    what: 'the EFI, valid or persistent bit does not read back',
    boards: 'virtualbmc, OpenIPMI',
    evidence: 'seen in virtualbmc 3.2 and ipmi_sim 2.0.33',
    how: 'tolerated with a line in the log; another device is not',
  },
  {
    what: 'session sequence numbers are skipped',
    boards: 'ASRock MT-C224 with a shared network port',
    evidence: 'FreeIPMI doc/freeipmi-bugs-issues-and-workarounds.txt',
    how: 'the window takes numbers up to 32 ahead',
  },
];
