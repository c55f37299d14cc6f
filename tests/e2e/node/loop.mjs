// SPDX-License-Identifier: Apache-2.0
// The whole loop by a client that shares no code with allot: Node's grpc-js
// reads the .proto files at run time.
//
//   ALLOT_ADDRESS=HOST:PORT ALLOT_PROTOS=proto node --test loop.mjs
import assert from 'node:assert/strict';
import test from 'node:test';
import grpc from '@grpc/grpc-js';
import protoLoader from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const address = process.env.ALLOT_ADDRESS;
const protos = process.env.ALLOT_PROTOS;
const files = ['allocation', 'confidence', 'labeler', 'pool']
  .map((name) => `allot/v1/${name}.proto`);
const definition = protoLoader.loadSync(files, {
  includeDirs: [protos], keepCase: true, longs: Number, enums: String,
  defaults: true, oneofs: true,
});
const { allot: { v1 } } = grpc.loadPackageDefinition(definition);
const credentials = grpc.credentials.createInsecure();
const pools = new v1.PoolService(address, credentials);
const labelers = new v1.LabelerService(address, credentials);
const allocation = new v1.AllocationService(address, credentials);
const confidence = new v1.ConfidenceService(address, credentials);

// Every call has a deadline.
function call(client, method, request, milliseconds = 10_000) {
  return new Promise((resolve, reject) => {
    client[method](request, { deadline: Date.now() + milliseconds },
      (error, response) => (error ? reject(error) : resolve(response)));
  });
}

// The details of an error, decoded from its trailer as any client would.
const root = await new protobuf.Root().load([
  `${protos}/google/rpc/status.proto`,
  `${protos}/google/rpc/error_details.proto`,
]);
function details(error) {
  const [trailer] = error.metadata.get('grpc-status-details-bin');
  const status = root.lookupType('google.rpc.Status').decode(trailer);
  assert.equal(status.code, error.code);
  const found = {};
  for (const any of status.details) {
    const name = (any.type_url ?? any.typeUrl).split('/').pop();
    found[name.split('.').pop()] = root.lookupType(name).decode(any.value);
  }
  return found;
}

async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail('the call should have failed');
}

const pool_id = 'e2e';

test('a pool comes back with its defaults', async () => {
  const { pool, created } = await call(pools, 'UpsertPool', {
    request_id: 'pool-1',
    pool: {
      pool_id,
      skills: [{ name: 'cats' }, { name: 'dogs' }],
      label_sets: [{ name: 'species', labels: ['cat', 'dog'] }],
      policies: [{ name: 'usual', target_confidence: 0.9 }],
    },
  });
  assert.equal(created, true);
  assert.equal(pool.skills[0].prior_mean, 1);
  assert.equal(pool.policies[0].quality, 1);
  assert.equal(pool.policies[0].target_confidence, 0.9);
});

test('labelers are added, and a retry gets the first response', async () => {
  const request = {
    pool_id,
    request_id: 'labelers-1',
    labelers: ['ana', 'bo', 'cy', 'di'].map((labeler_id) => ({
      labeler_id,
      capacity: 5,
      price: { per_answer: 0.01 },
      skills: ['cats', 'dogs'].map((skill) => ({ skill, mean: 2, variance: 0.2 })),
    })),
  };
  const first = await call(labelers, 'UpsertLabelers', request);
  assert.equal(first.created, 4);
  assert.deepEqual(await call(labelers, 'UpsertLabelers', request), first);
});

test('allocate, report, score, learn', async () => {
  const plan = await call(allocation, 'Allocate', {
    pool_id,
    tasks: [1, 2, 3].map((n) => ({
      task_id: `picture-${n}`, loading: { cats: 2, dogs: 1 }, redundancy: 2,
    })),
    lease_duration: { seconds: 60 },
    explain: true,
  });
  assert.equal(plan.assignments.length, 6);
  assert.equal(plan.unfilled.length, 0);
  assert.ok(plan.summary.gap <= 1e-6, `gap ${plan.summary.gap}`);
  assert.equal(plan.explanations.length, 6);
  for (const pair of plan.assignments) {
    assert.ok(pair.expected_accuracy > 0.7 && pair.expected_accuracy < 1);
    assert.ok(pair.lease.lease_id.length > 0);
  }

  const report = {
    pool_id,
    answers: plan.assignments.map((pair) => ({
      task_id: pair.task_id,
      labeler_id: pair.labeler_id,
      label_name: 'dog',
      handling_time: { seconds: 9 },
      lease_id: pair.lease.lease_id,
    })),
  };
  const first = await call(labelers, 'ReportAnswers', report);
  assert.ok(first.results.every((r) => r.outcome === 'OUTCOME_RECORDED'));
  const again = await call(labelers, 'ReportAnswers', report);
  assert.ok(again.results.every((r) => r.outcome === 'OUTCOME_DUPLICATE'));

  const { results: [score] } = await call(confidence, 'Score', {
    pool_id, items: [{ task: { task_id: 'picture-1' } }], explain: true,
  });
  assert.equal(score.label_name, 'dog');
  assert.equal(score.answers, 2);
  assert.ok(score.confidence > 0.8);
  assert.equal(score.contributions.length, 2);
  assert.ok(['DECISION_ACCEPT', 'DECISION_COLLECT', 'DECISION_ESCALATE']
    .includes(score.decision));

  const { labeler } = await call(labelers, 'GetLabeler', {
    pool_id, labeler_id: plan.assignments[0].labeler_id,
  });
  assert.ok(labeler.answers >= 1);
  const { stats } = await call(pools, 'GetPool', { pool_id });
  assert.equal(stats.answers, 6);
  assert.equal(stats.open_leases, 0);
});

test('a stream of batches is answered in order', async () => {
  const stream = allocation.AllocateStream({ deadline: Date.now() + 10_000 });
  const sizes = [];
  const ended = new Promise((resolve, reject) => {
    stream.on('data', ({ response }) => sizes.push(response.summary.slots));
    stream.on('error', reject);
    stream.on('end', resolve);
  });
  for (let n = 1; n <= 5; n += 1) {
    stream.write({
      request: {
        pool_id,
        tasks: Array.from({ length: n }, (_, i) => ({ task_id: `s${n}-${i}` })),
      },
    });
  }
  stream.end();
  await ended;
  assert.deepEqual(sizes, [1, 2, 3, 4, 5]);
});

test('bad fields are all named', async () => {
  const error = await failure(call(allocation, 'Allocate', {
    pool_id, tasks: [{ task_id: 'a', redundancy: 0 }, { task_id: 'a' }], budget: -1,
  }));
  assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
  assert.match(error.details, /^tasks\[0\]\.redundancy: must be in \[1, 64\], got 0/);
  const { BadRequest, ErrorInfo } = details(error);
  const violations = BadRequest.field_violations ?? BadRequest.fieldViolations;
  assert.deepEqual(violations.map((v) => v.field),
    ['tasks[0].redundancy', 'tasks[1].task_id', 'budget']);
  assert.equal(ErrorInfo.reason, 'INVALID_FIELD');
  assert.equal(ErrorInfo.domain, 'allot.dev');
});

test('what is not there is NOT_FOUND, with its name', async () => {
  const error = await failure(call(pools, 'GetPool', { pool_id: 'nowhere' }));
  assert.equal(error.code, grpc.status.NOT_FOUND);
  const { ErrorInfo } = details(error);
  assert.equal(ErrorInfo.reason, 'POOL_NOT_FOUND');
  assert.equal(ErrorInfo.metadata.pool_id, 'nowhere');
});

test('a request id is bound to its request', async () => {
  const error = await failure(call(labelers, 'UpsertLabelers', {
    pool_id, request_id: 'labelers-1', labelers: [{ labeler_id: 'other' }],
  }));
  assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
  assert.equal(details(error).ErrorInfo.reason, 'REQUEST_ID_REUSED');
});

test('a deadline that is over is kept to', async () => {
  const error = await failure(call(pools, 'GetPool', { pool_id }, -1));
  assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
});

test('a request that is too large is refused, and the server lives', async () => {
  const error = await failure(call(allocation, 'Allocate', {
    pool_id,
    tasks: [{ task_id: 'big', excluded_labelers: Array(5 * 1024).fill('x'.repeat(1024)) }],
  }));
  assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
  assert.match(error.details, /larger than max/);
  await call(pools, 'GetPool', { pool_id });
});

test.after(() => [pools, labelers, allocation, confidence].forEach((c) => c.close()));
