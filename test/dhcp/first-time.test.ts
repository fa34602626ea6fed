import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FirstTime } from '../../src/dhcp/first-time.ts';

test('the same thing is news again only after ten minutes', () => {
  const first = new FirstTime();
  assert.equal(first.isNews('a', 1000), true);
  assert.equal(first.isNews('a', 600_999), false);
  assert.equal(first.isNews('b', 600_999), true);
  assert.equal(first.isNews('a', 601_000), true);
  assert.equal(first.isNews('b', 601_000), false);
});

test('a flood of made-up machines is neither remembered nor logged without bound', () => {
  const first = new FirstTime();
  const news = (from: number, nowMs: number) =>
    Array.from({ length: 10_000 }, (_, i) => first.isNews(`machine ${from + i}`, nowMs)).filter(Boolean).length;
  assert.equal(news(0, 0), 256);
  assert.equal(news(20_000, 599_999), 0);
  assert.equal(news(40_000, 600_000), 256);
});
