# SPDX-License-Identifier: Apache-2.0
"""allot-load as its user meets it: exit codes, files, and a server that stalls."""

import json
import os
import signal
import subprocess
import threading
import time
import unittest

import processes
from processes import BIN, allotd, folder


def run(scenario, server, *flags):
    """Exit code, figures and the error stream."""
    command = processes.load_command(scenario, server, *flags)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


def scenario(phases, **more):
    return {'pools': [{'id': 'p', 'skills': 2, 'labelers': 20}],
            'calls': [{'name': 'score', 'method': 'Score', 'pool': 'p'}],
            'phases': phases, **more}


class LoadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        # After a stall all that was due comes at once: nothing of it is refused.
        cls.server = allotd('--latency_target=0')

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_a_stall_is_charged_to_every_call_that_was_due(self):
        def stall():
            time.sleep(0.5)
            os.kill(self.server.pid, signal.SIGSTOP)
            time.sleep(0.6)
            os.kill(self.server.pid, signal.SIGCONT)

        load = scenario([{'name': 'even', 'kind': 'constant', 'rate': 100, 'seconds': 2}])
        run(load, self.server, '--setup-only')
        stalling = threading.Thread(target=stall)
        stalling.start()
        code, figures, _ = run(load, self.server, '--no-setup')
        stalling.join()
        self.assertEqual(code, 0)
        even = figures['phases'][0]['all']
        # No call was left out while nothing was answered: 30% of the calls
        # were due during the stall, and waited half of it on average.
        self.assertEqual(even['started'], 200)
        self.assertEqual(even['codes'], {'OK': 200})
        self.assertGreater(even['max_ms'], 500)
        self.assertGreater(even['p90_ms'], 300)

    def test_a_threshold_that_does_not_hold_is_exit_code_1(self):
        phases = [{'name': 'run', 'kind': 'closed', 'in_flight': 2, 'seconds': 0.2}]
        for limit, code in ((1e6, 0), (1e-6, 1)):
            load = scenario(phases, thresholds=[{'metric': 'p50_ms', 'max': limit}])
            self.assertEqual(run(load, self.server)[0], code)

    def test_every_answer_is_counted_once(self):
        phases = [{'name': 'warm', 'kind': 'closed', 'in_flight': 4, 'seconds': 0.3,
                   'measure': False},
                  {'name': 'think', 'kind': 'closed', 'in_flight': 10, 'seconds': 0.5,
                   'think_ms': 20},
                  {'name': 'ramp', 'kind': 'ramp', 'from': 10, 'to': 400, 'seconds': 0.5}]
        before = self.handled()
        code, figures, _ = run(scenario(phases, threads=2), self.server, '--no-setup')
        self.assertEqual(code, 0)
        started = sum(phase['all']['started'] for phase in figures['phases'])
        answered = sum(sum(phase['all']['codes'].values()) for phase in figures['phases'])
        timeline = sum(point['ok'] for point in figures['timeline'])
        self.assertEqual(started, answered)
        self.assertEqual(started, timeline)
        self.assertEqual(started, self.handled() - before)

    def handled(self):
        name = 'grpc_server_handled_total{grpc_code="OK",grpc_method="Score"'
        return sum(float(line.split()[-1]) for line in self.server.get('/metrics').splitlines()
                   if line.startswith(name))

    def test_faults_are_exit_code_2_and_say_where(self):
        code, _, error = run(scenario([{'kind': 'closed'}]), self.server)
        self.assertEqual(code, 2)
        self.assertIn('phases[0].in_flight: must be given', error)
        nobody = subprocess.run([os.path.join(BIN, 'allot-load'), '/nonexistent.json'],
                                stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(nobody.returncode, 2)

    def test_the_page_and_the_sample_are_written(self):
        home = folder()
        load = scenario([{'kind': 'closed', 'in_flight': 1, 'seconds': 0.1}])
        self.assertEqual(run(load, self.server, '--html', f'{home}/page.html')[0], 0)
        with open(f'{home}/page.html', encoding='utf-8') as page:
            self.assertIn('Latency by percentile', page.read())
        self.assertEqual(run(load, self.server, '--sample', home)[0], 0)
        self.assertGreater(os.path.getsize(f'{home}/score.response'), 20)


if __name__ == '__main__':
    unittest.main()
