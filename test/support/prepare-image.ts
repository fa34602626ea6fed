/** Prepares one image in a cache, as a process of its own that can be killed: DIR URL CHECKSUM. */
import { systemClock } from '../../src/core/clock.ts';
import { silentLogger } from '../../src/core/log.ts';
import { ImageCache } from '../../src/image/cache.ts';

const [dir = '', url = '', checksum = ''] = process.argv.slice(2);
const cache = new ImageCache({ dir, clock: systemClock, log: silentLogger, random: Math.random });
await cache.prepare({ url, checksum }, { signal: new AbortController().signal });
await cache.close();
