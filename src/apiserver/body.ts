import { parseYaml } from '../api/yaml.ts';
import { isObject } from '../api/validation/schema.ts';
import { badRequest, unsupportedMedia } from './api-error.ts';
import { duplicateKeys } from './duplicates.ts';
import { parseMedia } from './media.ts';
import { decodeKubeProto } from './proto-kinds.ts';

export interface Body {
  value: unknown;
  /** Keys given twice, as paths; the last one counted. */
  duplicates: string[];
}

/** Keys that would change an object's prototype instead of being stored. */
const POISON = /"(?:__proto__|\\u005f)/i;

/**
 * Reads a JSON, YAML or (for core kinds) protobuf body.
 * @throws ApiError 400, 415
 */
export function decodeBody(bytes: Uint8Array, contentType: string | undefined): Body {
  const { type } = parseMedia(contentType ?? 'application/json');
  if (type === 'application/vnd.kubernetes.protobuf') return decodeProtobuf(bytes);
  const text = Buffer.from(bytes).toString('utf8');
  if (type === 'application/yaml' || type === 'application/apply-patch+yaml') {
    return text.trimStart().startsWith('{') ? decodeJson(text) : decodeYaml(text);
  }
  if (type !== 'application/json' && !type.endsWith('+json')) {
    throw unsupportedMedia('application/json, application/yaml');
  }
  return decodeJson(text);
}

function decodeProtobuf(bytes: Uint8Array): Body {
  let value: unknown;
  try {
    value = decodeKubeProto(bytes);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`the object provided is unrecognized (must be of type protobuf): ${why}`);
  }
  if (value === undefined) throw unsupportedMedia('application/json, application/yaml');
  return { value, duplicates: [] };
}

function decodeJson(text: string): Body {
  if (POISON.test(text)) throw badRequest('the object provided has a key that cannot be stored');
  try {
    return { value: JSON.parse(text) as unknown, duplicates: duplicateKeys(text) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`the object provided is unrecognized (must be of type JSON): ${why}`);
  }
}

function decodeYaml(text: string): Body {
  try {
    return { value: parseYaml(text), duplicates: [] };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`the object provided is unrecognized (must be of type YAML): ${why}`);
  }
}

/** @throws ApiError 400 */
export function objectBody(body: Body): Record<string, unknown> {
  if (!isObject(body.value)) throw badRequest('the object provided is not an object');
  return body.value;
}
