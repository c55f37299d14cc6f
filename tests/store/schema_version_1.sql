-- SPDX-License-Identifier: Apache-2.0
-- A whole store as the first version wrote it: sqlite3 .dump of its file.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE event (
  sequence INTEGER PRIMARY KEY,
  pool TEXT NOT NULL,
  unix_micros INTEGER NOT NULL,  -- when the service accepted it
  kind TEXT NOT NULL,            -- 'answers_recorded', ...
  items INTEGER NOT NULL,        -- how many answers, tasks, ... it holds
  body TEXT                      -- JSON, for kinds without a table
);
INSERT INTO event VALUES(1,'demo',1795333266833882,'pool_upserted',1,'{"id":"demo","skills":[{"name":"indoor","prior_mean":1.0,"prior_variance":1.0},{"name":"wildlife","prior_mean":1.0,"prior_variance":1.0},{"name":"night","prior_mean":1.0,"prior_variance":1.0}],"label_sets":[{"name":"animal","labels":["cat","dog","bird","other"]}],"policies":[{"name":"standard","weights":{"quality":0.2,"cost":1.0,"time":0.0,"explore":0.0,"balance":0.0,"must_fill":false,"min_expected_accuracy":0.0,"max_labeler_share":1.0},"confidence":{"target_confidence":0.95,"max_answers":10}}],"learning":{"learn_prior":true,"drift_per_day":0.0,"difficulty_variance":0.5}}');
INSERT INTO event VALUES(2,'demo',1795333266856578,'labelers_upserted',8,NULL);
INSERT INTO event VALUES(3,'demo',1795333266881633,'tasks_recorded',3,NULL);
INSERT INTO event VALUES(4,'demo',1795333266881633,'answers_recorded',5,NULL);
INSERT INTO event VALUES(5,'demo',1795333266882589,'tasks_recorded',2,NULL);
INSERT INTO event VALUES(6,'demo',1795333266882589,'answers_recorded',5,NULL);
INSERT INTO event VALUES(7,'demo',1795333266883195,'tasks_recorded',1,NULL);
INSERT INTO event VALUES(8,'demo',1795333266883195,'answers_recorded',2,NULL);
INSERT INTO event VALUES(9,'demo',1795333266912548,'tasks_recorded',3,NULL);
INSERT INTO event VALUES(10,'demo',1795333266912548,'leases_granted',9,NULL);
INSERT INTO event VALUES(11,'demo',1795333266936732,'leases_renewed',1,'{"ids":["L1"],"expires_unix_micros":1795340466936732}');
INSERT INTO event VALUES(12,'demo',1795333266963289,'leases_ended',1,'{"ids":["L2"],"reason":"released"}');
INSERT INTO event VALUES(13,'demo',1795333267034322,'labelers_deleted',1,'["expert-04"]');
CREATE TABLE answer (
  row INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,     -- of its event
  pool TEXT NOT NULL,
  task TEXT NOT NULL,
  labeler TEXT NOT NULL,
  label INTEGER NOT NULL,        -- class, from 0
  handling_seconds,              -- real, or NULL: unknown
  answered_unix_micros INTEGER NOT NULL,
  UNIQUE (pool, task, labeler)
);
INSERT INTO answer VALUES(1,4,'demo','photo-0001','hasty-06',1,3.3860000000000001207,1777626003000000);
INSERT INTO answer VALUES(2,4,'demo','photo-0001','regular-07',0,4.1390000000000002344,1777626004000000);
INSERT INTO answer VALUES(3,4,'demo','photo-0002','expert-04',0,13.214999999999999857,1777626005000000);
INSERT INTO answer VALUES(4,4,'demo','photo-0002','model-08',0,0.1620000000000000051,1777626007000000);
INSERT INTO answer VALUES(5,4,'demo','photo-0003','regular-07',3,12.0259999999999998,1777626011000000);
INSERT INTO answer VALUES(6,6,'demo','photo-0003','hasty-06',0,3.6939999999999999502,1777626015000000);
INSERT INTO answer VALUES(7,6,'demo','photo-0004','regular-05',0,4.7969999999999997086,1777626016000000);
INSERT INTO answer VALUES(8,6,'demo','photo-0004','hasty-06',3,3.6499999999999999111,1777626018000000);
INSERT INTO answer VALUES(9,6,'demo','photo-0005','model-08',0,0.27400000000000002131,1777626023000000);
INSERT INTO answer VALUES(10,6,'demo','photo-0005','regular-03',0,9.9299999999999997157,1777626028000000);
INSERT INTO answer VALUES(11,8,'demo','photo-0006','model-08',0,0.20500000000000001554,1777626030000000);
INSERT INTO answer VALUES(12,8,'demo','photo-0006','regular-02',0,22.66600000000000037,1777626034000000);
CREATE TABLE task (
  row INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  pool TEXT NOT NULL,
  task TEXT NOT NULL,
  num_classes INTEGER NOT NULL,
  label_set TEXT NOT NULL,       -- '': classes have no names
  difficulty NOT NULL,           -- real, logits
  difficulty_variance,           -- real, or NULL: the pool's
  base_seconds NOT NULL,         -- real
  redundancy INTEGER NOT NULL,
  value NOT NULL,                -- real, currency
  gold_label INTEGER,            -- the known truth, or NULL
  loading TEXT,                  -- JSON [[skill, weight], ...], or NULL: none
  prior TEXT,                    -- JSON [p, ...], or NULL: uniform
  required_qualifications TEXT,  -- JSON ["..."], or NULL: none
  excluded_labelers TEXT         -- JSON ["..."], or NULL: none
);
INSERT INTO task VALUES(1,3,'demo','photo-0001',4,'animal',0.0,NULL,8.0,1,1.0,NULL,'[[0,0.8],[1,0.1],[2,0.1]]',NULL,NULL,NULL);
INSERT INTO task VALUES(2,3,'demo','photo-0002',4,'animal',0.0,NULL,8.0,1,1.0,NULL,'[[0,0.8],[1,0.1],[2,0.1]]',NULL,NULL,NULL);
INSERT INTO task VALUES(3,3,'demo','photo-0003',4,'animal',0.0,NULL,8.0,1,1.0,NULL,'[[0,0.8],[1,0.1],[2,0.1]]',NULL,NULL,NULL);
INSERT INTO task VALUES(4,5,'demo','photo-0004',4,'animal',0.0,NULL,8.0,1,1.0,NULL,'[[0,0.1],[1,0.8],[2,0.1]]',NULL,NULL,NULL);
INSERT INTO task VALUES(5,5,'demo','photo-0005',4,'animal',0.0,NULL,8.0,1,1.0,NULL,'[[0,0.8],[1,0.1],[2,0.1]]',NULL,NULL,NULL);
INSERT INTO task VALUES(6,7,'demo','photo-0006',4,'animal',0.0,NULL,8.0,1,1.0,NULL,'[[0,0.1],[1,0.8],[2,0.1]]',NULL,NULL,NULL);
INSERT INTO task VALUES(7,9,'demo','new-001',4,'animal',0.0,NULL,8.0,3,1.0,NULL,'[[0,0.1],[1,0.1],[2,0.8]]',NULL,NULL,NULL);
INSERT INTO task VALUES(8,9,'demo','new-002',4,'animal',0.0,NULL,8.0,3,1.0,NULL,'[[0,0.8],[1,0.1],[2,0.1]]',NULL,NULL,NULL);
INSERT INTO task VALUES(9,9,'demo','new-003',4,'animal',0.0,NULL,8.0,3,1.0,NULL,'[[0,0.1],[1,0.8],[2,0.1]]',NULL,NULL,NULL);
CREATE TABLE labeler_update (
  row INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  pool TEXT NOT NULL,
  labeler TEXT NOT NULL,         -- below, NULL: keeps its value
  price_per_answer,              -- real, currency
  price_per_hour,                -- real, currency
  capacity INTEGER,
  qualifications TEXT,           -- JSON ["..."]
  skills TEXT,                   -- JSON [[skill, mean, variance], ...]
  correlation_group TEXT
);
INSERT INTO labeler_update VALUES(1,2,'demo','regular-01',0.040000000000000000832,0.0,12,NULL,NULL,NULL);
INSERT INTO labeler_update VALUES(2,2,'demo','regular-02',0.040000000000000000832,0.0,12,NULL,NULL,NULL);
INSERT INTO labeler_update VALUES(3,2,'demo','regular-03',0.040000000000000000832,0.0,12,NULL,NULL,NULL);
INSERT INTO labeler_update VALUES(4,2,'demo','expert-04',0.089999999999999996669,0.0,6,NULL,NULL,NULL);
INSERT INTO labeler_update VALUES(5,2,'demo','regular-05',0.040000000000000000832,0.0,12,NULL,NULL,NULL);
INSERT INTO labeler_update VALUES(6,2,'demo','hasty-06',0.029999999999999998889,0.0,12,NULL,NULL,NULL);
INSERT INTO labeler_update VALUES(7,2,'demo','regular-07',0.040000000000000000832,0.0,12,NULL,NULL,NULL);
INSERT INTO labeler_update VALUES(8,2,'demo','model-08',0.0010000000000000000208,0.0,100000,NULL,NULL,NULL);
CREATE TABLE lease (
  row INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  pool TEXT NOT NULL,
  lease TEXT NOT NULL,
  task TEXT NOT NULL,
  labeler TEXT NOT NULL,
  expires_unix_micros INTEGER NOT NULL  -- as granted
);
INSERT INTO lease VALUES(1,10,'demo','L1','new-001','model-08',1795336866912548);
INSERT INTO lease VALUES(2,10,'demo','L2','new-001','regular-03',1795336866912548);
INSERT INTO lease VALUES(3,10,'demo','L3','new-001','regular-02',1795336866912548);
INSERT INTO lease VALUES(4,10,'demo','L4','new-002','model-08',1795336866912548);
INSERT INTO lease VALUES(5,10,'demo','L5','new-002','regular-03',1795336866912548);
INSERT INTO lease VALUES(6,10,'demo','L6','new-002','regular-02',1795336866912548);
INSERT INTO lease VALUES(7,10,'demo','L7','new-003','model-08',1795336866912548);
INSERT INTO lease VALUES(8,10,'demo','L8','new-003','regular-02',1795336866912548);
INSERT INTO lease VALUES(9,10,'demo','L9','new-003','regular-03',1795336866912548);
CREATE TABLE checkpoint (
  pool TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  generation INTEGER NOT NULL
);
CREATE TABLE checkpoint_part (
  row INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL,
  bytes BLOB NOT NULL
);
CREATE VIEW pool AS
  SELECT pool, max(sequence) AS sequence, unix_micros, body AS config
  FROM event WHERE kind = 'pool_upserted' GROUP BY pool;
CREATE VIEW labeler_deletion AS
  SELECT e.sequence, e.pool, e.unix_micros, j.value AS labeler
  FROM event e, json_each(e.body) j WHERE e.kind = 'labelers_deleted';
CREATE VIEW lease_renewal AS
  SELECT e.sequence, e.pool, e.unix_micros, j.value AS lease,
         json_extract(e.body, '$.expires_unix_micros') AS expires_unix_micros
  FROM event e, json_each(e.body, '$.ids') j WHERE e.kind = 'leases_renewed';
CREATE VIEW lease_end AS
  SELECT e.sequence, e.pool, e.unix_micros, j.value AS lease,
         json_extract(e.body, '$.reason') AS reason
  FROM event e, json_each(e.body, '$.ids') j WHERE e.kind = 'leases_ended';
COMMIT;
PRAGMA application_id = 1634496372;
PRAGMA user_version = 1;
