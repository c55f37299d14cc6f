-- SPDX-License-Identifier: Apache-2.0
-- A store as the second version wrote it, with HardEvents() of store_testing.h.
BEGIN TRANSACTION;
CREATE TABLE event (
  sequence INTEGER PRIMARY KEY,
  pool TEXT NOT NULL,
  unix_micros INTEGER NOT NULL,  -- when the service accepted it
  kind TEXT NOT NULL,            -- 'answers_recorded', ...
  items INTEGER NOT NULL,        -- how many answers, tasks, ... it holds
  body TEXT                      -- JSON, for kinds without a table
);
INSERT INTO event VALUES(1,'Ünïcode/日本語 🦉',1,'pool_upserted',1,'{"id":"Ünïcode/日本語 🦉","skills":[{"name":"détail \"quoted\" \\ \n","prior_mean":-0.0,"prior_variance":5e-324},{"name":"","prior_mean":1.7976931348623157e+308,"prior_variance":0.30000000000000004},{"name":"digits","prior_mean":123456789.12345679,"prior_variance":1e-300}],"label_sets":[{"name":"animals","labels":["cat","dog","🐕",""]},{"name":"empty","labels":[]}],"policies":[{"name":"thorough","weights":{"quality":0.3333333333333333,"cost":-0.0,"time":1e-07,"explore":5e-324,"balance":2.0,"must_fill":true,"min_expected_accuracy":0.55,"max_labeler_share":0.25},"confidence":{"target_confidence":0.999,"max_answers":2147483647}},{"name":"","weights":{"quality":1.0,"cost":1.0,"time":0.0,"explore":0.0,"balance":0.0,"must_fill":false,"min_expected_accuracy":0.0,"max_labeler_share":1.0},"confidence":{"target_confidence":0.95,"max_answers":10}}],"learning":{"learn_prior":false,"drift_per_day":1e-09,"difficulty_variance":0.3}}');
INSERT INTO event VALUES(2,'',-9223372036854775808,'pool_upserted',1,'{"id":"","skills":[],"label_sets":[],"policies":[],"learning":{"learn_prior":true,"drift_per_day":0.0,"difficulty_variance":0.5}}');
INSERT INTO event VALUES(3,'Ünïcode/日本語 🦉',9223372036854775807,'labelers_upserted',3,NULL);
INSERT INTO event VALUES(4,'Ünïcode/日本語 🦉',0,'labelers_upserted',0,NULL);
INSERT INTO event VALUES(5,'Ünïcode/日本語 🦉',-1,'labelers_deleted',3,'["änne","","a\nb"]');
INSERT INTO event VALUES(6,'Ünïcode/日本語 🦉',2,'labelers_deleted',0,'[]');
INSERT INTO event VALUES(7,'Ünïcode/日本語 🦉',3,'tasks_recorded',2,NULL);
INSERT INTO event VALUES(8,'Ünïcode/日本語 🦉',4,'tasks_recorded',0,NULL);
INSERT INTO event VALUES(9,'Ünïcode/日本語 🦉',5,'answers_recorded',4,NULL);
INSERT INTO event VALUES(10,'Ünïcode/日本語 🦉',6,'answers_recorded',0,NULL);
INSERT INTO event VALUES(11,'another',7,'answers_recorded',1,NULL);
INSERT INTO event VALUES(12,'Ünïcode/日本語 🦉',8,'leases_granted',2,NULL);
INSERT INTO event VALUES(13,'Ünïcode/日本語 🦉',9,'leases_granted',0,NULL);
INSERT INTO event VALUES(14,'Ünïcode/日本語 🦉',10,'leases_renewed',2,'{"ids":["l1","lé"],"expires_unix_micros":9223372036854775807}');
INSERT INTO event VALUES(15,'Ünïcode/日本語 🦉',11,'leases_renewed',0,'{"ids":[],"expires_unix_micros":-9223372036854775808}');
INSERT INTO event VALUES(16,'Ünïcode/日本語 🦉',12,'leases_ended',1,'{"ids":["l1"],"reason":"released"}');
INSERT INTO event VALUES(17,'Ünïcode/日本語 🦉',13,'leases_ended',2,'{"ids":["l2",""],"reason":"not_again_to_her"}');
INSERT INTO event VALUES(18,'Ünïcode/日本語 🦉',14,'leases_ended',0,'{"ids":[],"reason":"expired"}');
INSERT INTO event VALUES(19,'Ünïcode/日本語 🦉',15,'request_answered',1,NULL);
INSERT INTO event VALUES(20,'Ünïcode/日本語 🦉',15,'request_answered',1,NULL);
INSERT INTO event VALUES(21,'Ünïcode/日本語 🦉',15,'request_answered',1,NULL);
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
INSERT INTO answer VALUES(1,9,'Ünïcode/日本語 🦉','t1','änne',0,NULL,9223372036854775807);
INSERT INTO answer VALUES(2,9,'Ünïcode/日本語 🦉','t1','',999,5e-324,-9223372036854775808);
INSERT INTO answer VALUES(3,9,'Ünïcode/日本語 🦉','','änne',1,-0.0,0);
INSERT INTO answer VALUES(4,9,'Ünïcode/日本語 🦉','t2','🦉',1,12.0,1700000000000000);
INSERT INTO answer VALUES(5,11,'another','t1','änne',3,1e+300,8);
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
INSERT INTO task VALUES(1,7,'Ünïcode/日本語 🦉','',2,'',0.0,NULL,30.0,1,1.0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO task VALUES(2,7,'Ünïcode/日本語 🦉','t''1; DROP TABLE answer;--',1000,'animals',-0.0,0.0,1e+308,64,3.0,0,'[[0,0.33333334],[200,-0],[255,1e-45]]','[0.1,0.2,0.7,5e-324,-0]','["ärzte","b"]','["x"]');
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
INSERT INTO labeler_update VALUES(1,3,'Ünïcode/日本語 🦉','änne',NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO labeler_update VALUES(2,3,'Ünïcode/日本語 🦉',CAST(X'6e756c00696e73696465' AS TEXT),0.1,-0.0,2147483647,'["радиология","a\"b",""]','[[0,-0,5e-324],[255,-1.7976931348623157e+308,0.3333333333333333],[7,1e+21,1e-07]]','');
INSERT INTO labeler_update VALUES(3,3,'Ünïcode/日本語 🦉','',NULL,NULL,0,'[]',NULL,'gpt-family');
CREATE TABLE lease (
  row INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  pool TEXT NOT NULL,
  lease TEXT NOT NULL,
  task TEXT NOT NULL,
  labeler TEXT NOT NULL,
  expires_unix_micros INTEGER NOT NULL  -- as granted
);
INSERT INTO lease VALUES(1,12,'Ünïcode/日本語 🦉','l1','t1','änne',9223372036854775807);
INSERT INTO lease VALUES(2,12,'Ünïcode/日本語 🦉','l2','t''','🦉',-9223372036854775808);
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
CREATE TABLE request (
  row INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  pool TEXT NOT NULL,
  unix_micros INTEGER NOT NULL,  -- of its event
  request TEXT NOT NULL,         -- the method, a colon, the caller's id
  fingerprint INTEGER NOT NULL,  -- of what was asked
  response BLOB NOT NULL         -- protobuf
);
INSERT INTO request VALUES(1,19,'Ünïcode/日本語 🦉',15,'Allocate:ü"',-1,X'6e756c00ff');
INSERT INTO request VALUES(2,20,'Ünïcode/日本語 🦉',15,'r',0,X'');
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
PRAGMA application_id = 1634496372;
PRAGMA user_version = 2;
COMMIT;
