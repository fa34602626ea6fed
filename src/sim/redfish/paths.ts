import type { Personality } from './personality.ts';

/** Where a personality keeps its resources. */
export interface Paths {
  system: string;
  manager: string;
  chassis: string;
  bios: string;
  /** Settings objects of the system and of the BIOS. */
  systemSettings: string;
  biosSettings: string;
  /** The collection of virtual media. */
  media: string;
  tasks: string;
  /** The RAID controller, and its Id. */
  storage: string;
  storageId: string;
}

export const ROOT = '/redfish/v1';

export function pathsOf(personality: Personality): Paths {
  const { ids, media, biosPath } = personality;
  const system = `${ROOT}/Systems/${ids.system}`;
  const bios = `${system}/${biosPath}`;
  const settingsName = personality.settingsName ?? 'Settings';
  const storageId = ids.storage ?? 'RAID1';
  const manager = `${ROOT}/Managers/${ids.manager}`;
  return {
    system,
    manager,
    chassis: `${ROOT}/Chassis/${ids.chassis}`,
    bios,
    systemSettings: `${system}/${settingsName}`,
    biosSettings: `${bios}/${settingsName}`,
    media: `${media.home === 'system' ? system : manager}/VirtualMedia`,
    tasks: `${ROOT}/TaskService/Tasks`,
    storage: `${system}/Storage/${storageId}`,
    storageId,
  };
}
