import { pathsOf } from './paths.ts';
import type { Personality } from './personality.ts';
import { accountRoutes } from './resources/accounts.ts';
import { biosRoutes } from './resources/bios.ts';
import { chassisRoutes } from './resources/chassis.ts';
import { dellJobRoutes } from './resources/dell-jobs.ts';
import { dellRaidRoutes } from './resources/dell-raid.ts';
import { eventRoutes } from './resources/events.ts';
import { hardwareRoutes } from './resources/hardware.ts';
import { logRoutes } from './resources/logs.ts';
import { managerRoutes } from './resources/managers.ts';
import { mediaRoutes } from './resources/media.ts';
import { registryRoutes } from './resources/registries.ts';
import { rootRoutes } from './resources/root.ts';
import { sessionRoutes } from './resources/sessions.ts';
import { storageRoutes } from './resources/storage.ts';
import { systemRoutes } from './resources/systems.ts';
import { taskRoutes } from './resources/tasks.ts';
import { updateRoutes } from './resources/update.ts';
import { Router } from './router.ts';

const routers = new WeakMap<Personality, Router>();

/** All resources of a personality. A thousand BMCs of one kind share one table. */
export function routerOf(personality: Personality): Router {
  const known = routers.get(personality);
  if (known !== undefined) return known;
  const paths = pathsOf(personality);
  const router = new Router([
    ...rootRoutes(personality),
    ...sessionRoutes(personality),
    ...accountRoutes(),
    ...systemRoutes(paths, personality),
    ...biosRoutes(paths),
    ...hardwareRoutes(paths, personality),
    ...storageRoutes(paths),
    ...dellRaidRoutes(paths, personality),
    ...dellJobRoutes(paths, personality),
    ...mediaRoutes(paths, personality),
    ...chassisRoutes(paths, personality),
    ...managerRoutes(paths, personality),
    ...logRoutes(paths),
    ...updateRoutes(paths),
    ...taskRoutes(paths, personality),
    ...eventRoutes(),
    ...registryRoutes(paths),
  ]);
  routers.set(personality, router);
  return router;
}
