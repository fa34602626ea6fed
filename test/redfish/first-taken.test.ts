import assert from 'node:assert/strict';
import test from 'node:test';
import { redfishErrors, refusalOf } from '../../src/redfish/errors.ts';
import { firstTaken } from '../../src/redfish/service-doors.ts';

const refused = (...texts: string[]) =>
  redfishErrors.make('REDFISH_REFUSED', `POST /Volumes: HTTP 400: ${texts.join(' ')}`, {
    seen: { status: 400, messageIds: [], texts },
  });
const send = (answers: Record<string, Error>) => async (form: string) => {
  const error = answers[form];
  if (error !== undefined) throw error;
  return form;
};

test('a request refused in all its forms tells what each met, the first one first, each text once', async () => {
  const answers = {
    a: refused('the drive is in use'),
    b: refused('RAIDType is required'),
    c: refused('the drive is in use'),
  };
  await assert.rejects(
    firstTaken(['a', 'b', 'c'], send(answers), () => true),
    (error) => {
      assert.ok(redfishErrors.is(error, 'REDFISH_REFUSED'));
      assert.equal(
        error.message,
        'POST /Volumes: HTTP 400: the drive is in use; to other forms of the request: RAIDType is required',
      );
      assert.deepEqual(refusalOf(error)?.texts, ['the drive is in use']);
      return true;
    },
  );
});

test('the same no to every form is told as it came; a form that is taken ends it; what is no refusal ends it too', async () => {
  const no = refused('no');
  await assert.rejects(
    firstTaken(['a', 'b'], send({ a: no, b: refused('no') }), () => true),
    (error) => error === no,
  );
  assert.equal(await firstTaken(['a', 'b', 'c'], send({ a: no }), () => true), 'b');
  const broken = new Error('socket');
  await assert.rejects(
    firstTaken(['a', 'b'], send({ a: broken }), () => false),
    (error) => error === broken,
  );
});
