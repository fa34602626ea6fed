/** Events of BMCs: from the subscription at registration over HTTP into the timeline, and what hostile senders achieve. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { openBmc } from '../../src/bmc/open.ts';
import { EventUrls } from '../../src/boot/event-urls.ts';
import { TIMELINE_LIMIT, withObservation } from '../../src/boot/timeline.ts';
import { UrlSigner } from '../../src/boot/url-signing.ts';
import { systemClock } from '../../src/core/clock.ts';
import { redactText, silentLogger } from '../../src/core/log.ts';
import { serverErrors } from '../../src/server/errors.ts';
import { eventTexts } from '../../src/server/redfish-events.ts';
import { Engine, KEY, World } from '../support/engine.ts';
import { QUICK } from '../support/redfish-client.ts';
import { PASSWORD, type TestBmc, USER, startTestBmc } from '../support/redfish-sim.ts';

const event = (more: object) => JSON.stringify({ Events: [more] });

describe('events of BMCs', () => {
  let sim: TestBmc;
  let world: World;
  let engine: Engine;

  beforeEach(async () => {
    sim = await startTestBmc();
    world = new World();
    world.bmcEvents = true;
    world.bmc = openBmc({
      address: `redfish+http://127.0.0.1:${sim.bmc.port}`,
      credentials: { username: USER, password: PASSWORD },
      disableCertificateVerification: false,
      doors: { clock: systemClock, log: silentLogger, random: Math.random },
      redfishTiming: QUICK,
    });
    engine = await Engine.start(world);
    await world.addHost();
  });

  afterEach(async () => {
    await engine.kill();
    await world.bmc?.close();
    await world.end();
    await sim[Symbol.asyncDispose]();
  });

  const register = async () => assert.equal((await engine.provisioner.register(await engine.context())).kind, 'done');
  const subscriptions = () => sim.bmc.service.subscriptions.list();
  const seen = () => (engine.book.status(KEY).timeline ?? []).filter((e) => e.kind === 'bmc-event').map((e) => e.text);
  const post = (path: string, body: string, type = 'application/json') =>
    fetch(`http://127.0.0.1:${world.ports.http}${path}`, { method: 'POST', body, headers: { 'content-type': type } });
  const receiver = () => new URL(subscriptions()[0]?.destination ?? assert.fail('no subscription')).pathname;

  it('are subscribed to once, also by the next engine, shown in the timeline, and ended when the host goes', async () => {
    await register();
    await register();
    await engine.book.flush();
    await engine.kill();
    engine = await Engine.start(world);
    await register();
    assert.equal(subscriptions().length, 1);
    const submit = '/redfish/v1/EventService/Actions/EventService.SubmitTestEvent';
    await sim.send('POST', submit, { Message: 'Fan 3 has failed.', Severity: 'Critical' });
    for (const end = performance.now() + 20_000; seen().length === 0 && performance.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assert.deepEqual(seen(), ['critical: Fan 3 has failed.']);
    await engine.provisioner.forget(await engine.context());
    assert.deepEqual(subscriptions(), []);
  });

  it('a subscription from an earlier address of ours is ended, one of somebody else is not', async () => {
    await register();
    const old = receiver();
    const [first] = subscriptions();
    assert.ok(first !== undefined);
    sim.bmc.service.subscriptions.remove(first.id);
    for (const destination of [`http://192.0.2.7:9${old}`, 'http://192.0.2.7/else', `http://192.0.2.7${old}x`]) {
      sim.bmc.service.subscriptions.add({ ...first, destination });
    }
    await register();
    const now = subscriptions().map((s) => s.destination);
    assert.deepEqual(now, ['http://192.0.2.7/else', `http://192.0.2.7${old}x`, first.destination]);
  });

  it('a BMC without events, or that fails at it, is registered all the same; without the flag none is asked', async () => {
    const { bmc } = world;
    assert.ok(bmc !== undefined);
    const withEvents = bmc.events;
    for (const events of [undefined, { ...withEvents, subscriptions: () => Promise.reject(new TypeError('odd')) }]) {
      Object.assign(bmc, { events });
      const result = engine.provisioner.register(await engine.context());
      if (events === undefined) assert.equal((await result).kind, 'done');
      else await assert.rejects(result, /odd/, 'a mistake of ours is no failure of the BMC');
    }
    Object.assign(bmc, { events: withEvents });
    const { service } = sim.bmc;
    for (let i = 0; i < 20; i++) {
      service.subscriptions.add({
        destination: `http://192.0.2.7/${i}`,
        context: undefined,
        headers: {},
        eventTypes: [],
        registryPrefixes: [],
        resourceTypes: [],
      });
    }
    await register();
    assert.equal(subscriptions().length, 20, 'no place, and registered');
    service.subscriptions.remove('1');
    await engine.kill();
    world.bmcEvents = false;
    engine = await Engine.start(world);
    await register();
    assert.equal(subscriptions().length, 19);
    assert.equal((await post('/redfish-events/a/b/c', event({ Message: 'x' }))).status, 404);
  });

  it('only the signed path of the host is listened to, before the body is read', async () => {
    await register();
    const path = receiver();
    assert.equal((await post(path, event({ Message: 'in' }), 'text/odd')).status, 204);
    const [, , namespace, segment, name] = path.split('/');
    for (const wrong of [
      path.replace(/.(\/[^/]+)$/, 'x$1'),
      `/redfish-events/${namespace}/${segment}/other`,
      `/redfish-events/other/${segment}/${name}`,
      `/redfish-events/${namespace}/zz.zz/${name}`,
    ]) {
      assert.equal((await post(wrong, 'x'.repeat(100_000))).status, 403, wrong);
    }
    assert.equal((await post(path, 'x'.repeat(65 << 10))).status, 413);
    for (const body of ['', '{', '[]', 'null', '{"Events":{}}', '['.repeat(60_000)]) {
      assert.equal((await post(path, body)).status, 400, body.slice(0, 20));
    }
    assert.deepEqual(seen(), ['event: in']);
    assert.doesNotMatch(redactText(path), new RegExp(String(segment)));
    assert.doesNotMatch(JSON.stringify(engine.book.status(KEY)), new RegExp(String(segment)));
  });
});

describe('event payloads', () => {
  it('old and new services, and what is missing', () => {
    const lines = (...events: unknown[]) => eventTexts(JSON.stringify({ Events: events }));
    assert.deepEqual(lines({ MessageSeverity: 'Warning', Severity: 'OK', Message: 'a\r\n\u001b[31mb' }), [
      'warning: a [31mb',
    ]);
    assert.deepEqual(lines({ Severity: 'CRITICAL', MessageId: 'Base.1.0.X', Message: null }), ['critical: Base.1.0.X']);
    assert.deepEqual(lines({ EventType: 'Alert', Severity: 7 }), ['event: Alert']);
    assert.deepEqual(lines({}, null, 3, [], { Message: ' \u202e ' }), []);
    assert.deepEqual(lines(...Array.from({ length: 25 }, (_, i) => ({ Message: `m${i}` }))).slice(-2), [
      'event: m19',
      'and 5 more events',
    ]);
  });

  it('whatever comes, a line is short, has no control characters, or it is refused by name', () => {
    const message = fc.record({ Message: fc.string({ unit: 'binary', maxLength: 2000 }), Severity: fc.string() });
    const payload = fc.oneof(
      fc.jsonValue().map((v) => JSON.stringify(v)),
      fc.array(fc.oneof(message, fc.jsonValue()), { maxLength: 30 }).map((v) => JSON.stringify({ Events: v })),
      fc.string(),
    );
    fc.assert(
      fc.property(payload, (body) => {
        let lines: string[];
        try {
          lines = eventTexts(body);
        } catch (error) {
          assert.ok(serverErrors.is(error, 'SERVER_EVENT_INVALID'), String(error));
          return;
        }
        assert.ok(lines.length <= 21);
        for (const line of lines) {
          assert.ok(line.length <= 240 && line.isWellFormed());
          assert.doesNotMatch(line, /[\p{Cc}\p{Bidi_Control}]/u);
        }
      }),
    );
  });

  it('a BMC that talks on and on leaves room for everything else', () => {
    let timeline = withObservation([], { source: 'host', kind: 'step', text: 'first' }, 0);
    for (let i = 0; i < 2 * TIMELINE_LIMIT; i++) {
      timeline = withObservation(timeline, { source: 'bmc', kind: 'bmc-event', text: `ok: ${i}` }, i);
    }
    assert.equal(timeline.length, 31);
    assert.equal(timeline[0]?.text, 'first');
    assert.equal(timeline.at(-1)?.text, 'ok: 239');
  });

  it('a URL is that of one host: made again under its name it has another', async () => {
    const signer = new UrlSigner(new Uint8Array(32));
    const urls = new EventUrls({ signer, base: () => Promise.resolve('http://10.0.0.1:8080') });
    const hostOf = (uid: string) =>
      ({ metadata: { namespace: 'n', name: 'h', uid }, spec: { online: true } }) as Parameters<EventUrls['url']>[0];
    const url = await urls.url(hostOf('a'));
    assert.equal(await urls.url(hostOf('a')), url);
    assert.ok(urls.isOurs(hostOf('a'), url.replace('10.0.0.1', '192.0.2.1')));
    assert.ok(!urls.isOurs(hostOf('b'), url));
    assert.ok(!urls.isOurs(hostOf('a'), `${url}/x`));
    assert.ok(!urls.isOurs(hostOf('a'), 'no URL'));
  });
});
