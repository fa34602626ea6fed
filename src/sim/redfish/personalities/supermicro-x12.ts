import { assumed, reference, seenIn } from '../evidence.ts';
import type { Personality } from '../personality.ts';

/** Of an X13 (SYS-821GE-TNHR): the resources of the X12 generation are laid out the same way as far as we know. */
const CAPTURE = 'github.com/NVIDIA/libredfish: tests/mockups/supermicro';

/** Supermicro X12. */
export const supermicroX12: Personality = {
  name: 'supermicro-x12',
  product: 'SMC X12 BMC',
  manufacturer: 'Supermicro',
  model: 'SYS-120C-TN10R',
  redfishVersion: '1.11.0',
  bmcVersion: '01.01.48',
  biosVersion: '1.4',
  manufacturerId: 10876,
  ids: { system: '1', manager: '1', chassis: '1' },
  media: {
    home: 'manager',
    slots: ['VirtualMedia1', 'VirtualMedia2', 'VirtualMedia3'].map((id) => ({
      id,
      mediaTypes: ['CD', 'DVD', 'Floppy', 'USBStick'] as const,
    })),
  },
  biosPath: 'Bios',
  bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp'],
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi', 'ForceOn'],
  settingsName: 'SD',
  quirks: [
    {
      kind: 'vendor-in-oem',
      name: 'Supermicro',
      evidence: seenIn(CAPTURE, 'the service root has no Vendor and no Product, only Oem.Supermicro'),
    },
    {
      kind: 'boot-needs',
      properties: ['Target', 'Enabled'],
      evidence: reference('2.3', 'Enabled must go along with Target [story 2007355, 2008547]'),
    },
    {
      kind: 'cd-target',
      target: 'UsbCd',
      evidence: reference('2.3', 'the CD must be UsbCd, but on ARS-111GL-NHR [ironic:redfish/boot.py]'),
    },
    {
      kind: 'media-image-only',
      evidence: reference('2.4', 'X11 and X12 refuse Inserted and WriteProtected [sushy:resources/manager]'),
    },
    {
      kind: 'boot-mode-reset',
      evidence: seenIn(
        'github.com/DMTF/Redfishtool/pull/106',
        'an override without a mode puts it back to a default; that it is Legacy is assumed',
      ),
    },
    {
      kind: 'accepted-without-task',
      evidence: reference('2.1', '202 with JSON that is no Task [bmclib:redfishwrapper/firmware.go]'),
    },
    {
      kind: 'login-answers-200',
      evidence: reference('2.6', 'older boards answer 200 to failed logins [bmclib:providers/supermicro]'),
    },
    { kind: 'blank-model', evidence: reference('2.6', 'Model is sometimes blank [bmclib:providers/supermicro]') },
    {
      kind: 'reset-action-info',
      evidence: seenIn(CAPTURE, 'Reset has an @Redfish.ActionInfo and no allowed values of its own'),
    },
  ],
  evidence: {
    names: assumed('the model is one of the X12 generation'),
    versions: seenIn(CAPTURE, 'Redfish 1.11.0 and BIOS 1.4 of an X13; the BMC version is assumed'),
    'manufacturer id': reference('1.5', 'of the list of the IANA'),
    ids: seenIn(CAPTURE, 'all are 1; settings objects end in /SD'),
    media: seenIn(CAPTURE, 'three slots below the manager, each for all kinds of media'),
    'boot targets': seenIn(CAPTURE, 'without Floppy, Usb and UefiBootNext'),
    'reset types': assumed('the usual ones'),
  },
};
