import type {
  AgentLogLine,
  ProgressMessage,
  RegisterRequest,
  ResultMessage,
} from '../../src/agent-protocol/messages.ts';

/** Messages as real agents send them, taken from ramdisks in QEMU (captures shortened to one disk and a few CPU flags). */
export const registerSample: RegisterRequest = {
  token: 'one-time-token-of-this-test',
  bootMac: '52:54:00:12:00:00',
  agentVersion: '0.1.0',
  smbios: {
    uuid: '11111111-2222-4333-8444-555555555555',
    serial: 'SN0001',
    manufacturer: 'Ingot',
    product: 'Virtual',
  },
  nics: [{ name: 'eth0', mac: '52:54:00:12:00:00', ips: ['10.0.2.15', 'fec0::5054:ff:fe12:0'] }],
  firmware: 'bios',
  clockMs: 1795408261554,
  uptimeSeconds: 8.71,
};

export const progressSample: ProgressMessage = {
  taskId: '2',
  step: 'writing image',
  bytesDone: 41943040,
  bytesTotal: 1073741824,
};

export const logSample: AgentLogLine = {
  atMs: 1795408262202,
  level: 'info',
  message: 'task begins task=inspect seconds=60',
};

export const resultSamples: ResultMessage[] = [
  {
    taskId: '1',
    ok: true,
    result: {
      kind: 'inspect',
      hardware: {
        systemVendor: { manufacturer: 'Ingot', productName: 'Virtual', serialNumber: 'SN0001' },
        firmware: { bios: { vendor: 'SeaBIOS', version: '1.16.2-debian-1.16.2-1', date: '04/01/2014' } },
        ramMebibytes: 768,
        nics: [
          {
            name: 'eth0',
            model: '0x1af4 0x0001',
            mac: '52:54:00:12:00:00',
            pxe: true,
            pciAddress: '0000:00:01.0',
            ip: '10.0.2.15',
          },
        ],
        storage: [
          {
            name: '/dev/disk/by-path/pci-0000:00:1f.2-ata-6.0',
            alternateNames: ['/dev/sda', '/dev/disk/by-path/pci-0000:00:1f.2-ata-6.0'],
            rotational: true,
            type: 'HDD',
            sizeBytes: 1073741824,
            vendor: 'ATA',
            model: 'QEMU HARDDISK',
            serialNumber: 'ATA0001',
            wwn: '0x5000c50012345678',
            wwnWithExtension: '0x5000c50012345678',
            hctl: '5:0:0:0',
          },
        ],
        cpu: {
          arch: 'x86_64',
          model: 'QEMU Virtual CPU version 2.5+',
          clockMegahertz: 2298,
          flags: ['apic', 'cmov', 'sse2'],
          count: 1,
        },
        hostname: 'localhost.localdomain',
      },
      disks: [
        {
          name: '/dev/sda',
          byPath: '/dev/disk/by-path/pci-0000:00:1f.2-ata-6.0',
          sizeBytes: 1073741824,
          logicalSectorBytes: 512,
          rotational: true,
          model: 'QEMU HARDDISK',
          vendor: 'ATA',
          serial: 'ATA0001',
          wwn: '0x5000c50012345678',
          wwnWithExtension: '0x5000c50012345678',
          hctl: '5:0:0:0',
        },
      ],
    },
  },
  {
    taskId: '2',
    ok: true,
    result: {
      kind: 'clean',
      disks: [
        {
          name: '/dev/nvme0n1',
          serial: 'NVME0001',
          action: 'metadata',
          verified: true,
          detail: 'partition tables and signatures wiped; first and last MiB read back as zero',
        },
      ],
    },
  },
  {
    taskId: '3',
    ok: true,
    result: {
      kind: 'write',
      framesWritten: 31,
      framesResumed: 0,
      framesZeroed: 225,
      bytesFetched: 41213376,
      bytesWritten: 130023424,
      seconds: 9.412,
      manifestDigest: `sha256:${'5d'.repeat(32)}`,
    },
  },
  {
    taskId: '4',
    ok: true,
    result: {
      kind: 'finish',
      backupGptMoved: true,
      configDrive: 'created',
      boot: { mode: 'bios', detail: 'boot code in the first sector of /dev/vda' },
    },
  },
  { taskId: '5', ok: true, result: { kind: 'power' } },
  {
    taskId: '6',
    ok: false,
    error: { code: 'AGENT_DISK_MISMATCH', message: 'the disk pinned as /dev/vda cannot be found', retry: false },
  },
];
