import { storeErrors } from './errors.ts';

/** The object, or undefined when there is none. Other errors pass through. */
export async function orMissing<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (storeErrors.is(error, 'STORE_NOT_FOUND')) return undefined;
    throw error;
  }
}
