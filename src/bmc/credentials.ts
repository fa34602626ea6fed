import { bmcErrors } from './errors.ts';

export interface BmcCredentials {
  username: string;
  password: string;
}

/**
 * User name and password from the data of a Secret, white space around them removed (metal3-compat §3.5).
 * @param data base64 values as in `Secret.data`
 * @param name of the Secret, for messages
 * @throws BMC_CREDENTIALS_INVALID naming the key; the values are never in the message
 */
export function credentialsFromSecretData(
  data: Readonly<Record<string, string>> | undefined,
  name: string,
): BmcCredentials {
  const value = (key: string): string => {
    const encoded = data?.[key];
    if (encoded === undefined) {
      throw bmcErrors.make('BMC_CREDENTIALS_INVALID', `Secret ${name} has no key "${key}"`);
    }
    const text = Buffer.from(encoded, 'base64').toString('utf8').trim();
    if (text === '') throw bmcErrors.make('BMC_CREDENTIALS_INVALID', `key "${key}" of Secret ${name} is empty`);
    return text;
  };
  return { username: value('username'), password: value('password') };
}
