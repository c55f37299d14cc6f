# SPDX-License-Identifier: Apache-2.0
"""How near allotd is to the floor: what gRPC and one matrix product take.

Every figure stands beside a yardstick of the same run on the same cores. Runs
of allotd and of the yardstick alternate, and ratios are medians over pairs, so
that what else the machine does falls on both.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import processes
from processes import BIN, allotd, load

POOL = {'id': 'floor', 'skills': 16, 'labelers': 10_000}
CALLS = {
    'Score': {'name': 'Score', 'method': 'Score', 'pool': 'floor', 'tasks': 1, 'answers': 5},
    'Allocate': {'name': 'Allocate', 'method': 'Allocate', 'pool': 'floor', 'tasks': 1},
    'Batch': {'name': 'Batch', 'method': 'Allocate', 'pool': 'floor', 'tasks': 64,
              'redundancy': 3},
}


def closed(name, in_flight, seconds):
    return {'name': name, 'kind': 'closed', 'in_flight': in_flight, 'seconds': seconds}


def scenario(call, phases, pool=None, **more):
    return {'name': call['name'], 'pools': [pool or POOL], 'calls': [call], 'phases': phases,
            **more}


class Floor:
    def __init__(self, options):
        self.rounds = options.rounds
        self.seconds = options.seconds
        self.overload_seconds = options.overload_seconds
        self.as_json = options.json
        self.rows = []

    def row(self, case, metric, value, yardstick, ratio, goal, ok):
        """One figure; ok None where there is no goal."""
        row = {'case': case, 'metric': metric, 'value': value, 'yardstick': yardstick,
               'ratio': ratio, 'goal': goal, 'ok': ok}
        self.rows.append(row)
        if self.as_json:
            print(json.dumps(row), flush=True)
            return
        number = lambda x: '' if x is None else f'{x:.4g}'
        verdict = '' if ok is None else 'ok' if ok else 'MISSED'
        print(f'{case:<22} {metric:<34} {number(value):>10} {number(yardstick):>10} '
              f'{number(ratio):>8}  {goal:<12} {verdict}', flush=True)

    def note(self, text):
        print(text, file=sys.stderr, flush=True)

    # --- echo

    def echo(self, mode, server, call, pool=None, program='allot-load-echo'):
        """An echo of this server's messages."""
        samples = processes.folder()
        load(scenario(call, [closed('none', 1, 1)], pool), server, '--sample', samples)
        sample = os.path.join(samples, call['name'] + '.response')
        empty = os.path.join(samples, 'empty')
        open(empty, 'wb').close()
        files = [empty, sample] if call['method'] == 'Score' else [sample, empty]
        return processes.Server([os.path.join(BIN, program), mode, *files])

    def best_echo(self, server, call):
        """The faster of gRPC's two modes."""
        best, most = None, 0
        for mode in ('async', 'callback'):
            echo = self.echo(mode, server, call)
            rates = [self.throughput(echo, call) for _ in range(2)]
            self.note(f'  echo {mode}: {max(rates):.0f} calls/s')
            echo.stop()
            if max(rates) > most:
                best, most = mode, max(rates)
        return best

    def throughput(self, server, call):
        figures = load(scenario(call, [closed('peak', 64, self.seconds)]), server, '--no-setup')
        return figures['phase']['peak']['all']['ok_per_second']

    # --- cases

    def small(self, case, call, throughput_goal, latency_goal):
        server = allotd()
        load(scenario(call, [closed('none', 1, 1)]), server, '--setup-only')
        mode = self.best_echo(server, call)
        echo = self.echo(mode, server, call)
        alike = self.echo(mode, server, call, program='allot-load-echo-alike')
        phases = [closed('warm', 64, 1), closed('peak', 64, self.seconds),
                  {'name': 'open', 'kind': 'poisson', 'seconds': self.seconds,
                   'rate_of': {'phase': 'peak', 'share': 0.8}}]
        ours, theirs, alikes = [], [], []
        for _ in range(self.rounds):
            for to, target in ((theirs, echo), (ours, server), (alikes, alike)):
                figures = load(scenario(call, phases), target, '--no-setup')
                to.append((figures['phase']['peak']['all']['ok_per_second'],
                           figures['phase']['open']['all']['p99_ms'],
                           figures['phase']['peak']['server_cpu_us_per_call'],
                           figures['phase']['open']['all']['p50_ms']))
        for target in (echo, server, alike):
            target.stop()
        self.pair(case, 'calls/s at 64 in flight', ours, theirs, 0, '>= ', throughput_goal)
        self.pair(case, 'open-loop p99 ms at 80%', ours, theirs, 1, '<= ', latency_goal)
        self.pair(case, 'open-loop p50 ms at 80%', ours, theirs, 3, '', None)
        self.pair(case, 'server CPU us a call', ours, theirs, 2, '', None)
        # The echo, too, is faster without shared libraries.
        self.pair(case, 'calls/s, echo linked as allotd', ours, alikes, 0, '', None)
        self.pair(case, 'server CPU us, echo linked alike', ours, alikes, 2, '', None)

    def pair(self, case, metric, ours, theirs, at, sign, goal):
        ratio = statistics.median(a[at] / b[at] for a, b in zip(ours, theirs))
        ok = None if goal is None else ratio >= goal if sign == '>= ' else ratio <= goal
        self.row(case, metric, statistics.median(a[at] for a in ours),
                 statistics.median(b[at] for b in theirs), ratio,
                 '' if goal is None else f'{sign}{goal}', ok)

    def gemm(self, tasks, labelers):
        done = subprocess.run([os.path.join(BIN, 'allot-load-gemm'), str(tasks), str(labelers),
                               str(POOL['skills'])], stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)['cpu_ms']

    def batch(self):
        """64 tasks: CPU a call, less the echo's, in products."""
        call = CALLS['Batch']
        server = allotd()
        load(scenario(call, [closed('none', 1, 1)]), server, '--setup-only')
        echo = self.echo('async', server, call)
        extra, products, gap = [], [], 0
        for _ in range(self.rounds):
            cpu = {}
            for name, target in (('echo', echo), ('allotd', server)):
                figures = load(scenario(call, [closed('warm', 2, 0.5),
                                               closed('run', 2, self.seconds)]),
                               target, '--no-setup')
                cpu[name] = figures['phase']['run']['server_cpu_us_per_call'] / 1e3
            product = self.gemm(call['tasks'], POOL['labelers'])
            extra.append((cpu['allotd'], cpu['echo'], product))
            products.append((cpu['allotd'] - cpu['echo']) / product)
        gap = self.largest_gap(server)
        for target in (echo, server):
            target.stop()
        ratio = statistics.median(products)
        self.row('Allocate 64 x 10k k=3', 'CPU ms beyond echo, in products',
                 statistics.median(a - b for a, b, _ in extra),
                 statistics.median(c for _, _, c in extra), ratio, '<= 2.5', ratio <= 2.5)
        self.row('Allocate 64 x 10k k=3', 'plans that are not proven optimal', gap, 0, None, '= 0',
                 gap == 0)

    @staticmethod
    def largest_gap(server):
        """Plans whose certificate leaves a gap, by the server's own histogram."""
        zero = total = 0
        for line in server.get('/metrics').splitlines():
            if line.startswith('allot_optimality_gap_ratio_bucket{le="0"}'):
                zero = float(line.split()[-1])
            if line.startswith('allot_optimality_gap_ratio_count'):
                total = float(line.split()[-1])
        return total - zero

    def large(self):
        """1024 tasks x 100,000 labelers: CPU in products, and memory."""
        pool = {**POOL, 'labelers': 100_000}
        call = {**CALLS['Batch'], 'tasks': 1024, 'redundancy': 3, 'variants': 4}
        server = allotd()
        load(scenario(call, [closed('none', 1, 1)], pool), server, '--setup-only')
        time.sleep(1)
        before = server.resident_mb()
        figures = load(scenario(call, [closed('warm', 1, 1), closed('run', 1, 3 * self.seconds)],
                                pool), server, '--no-setup')
        peak = max(point.get('server_resident_bytes', 0)
                   for point in figures['timeline']) / 1e6
        cpu = figures['phase']['run']['server_cpu_us_per_call'] / 1e3
        product = self.gemm(1024, 100_000)
        gap = self.largest_gap(server)
        server.stop()
        self.row('Allocate 1024 x 100k', 'CPU ms a call, in products', cpu, product,
                 cpu / product, '<= 3', cpu / product <= 3)
        self.row('Allocate 1024 x 100k', 'MB resident while it runs', peak - before, None, None,
                 '<= 50', peak - before <= 50)
        self.row('Allocate 1024 x 100k', 'plans that are not proven optimal', gap, 0, None, '= 0',
                 gap == 0)

    def writers(self):
        """Readers beside 10,000 answers/s, against readers alone."""
        reader, share, slowdowns, answers = CALLS['Allocate'], [], [], []
        write = {'name': 'ReportAnswers', 'method': 'ReportAnswers', 'pool': 'floor',
                 'tasks': 100, 'answers': 1}
        server = allotd(store='sqlite:allot.db')
        load(scenario(reader, [closed('none', 1, 1)]), server, '--setup-only')
        seconds = max(3, self.seconds)
        writing = scenario(write, [{'name': 'write', 'kind': 'constant', 'rate': 100,
                                    'seconds': seconds + 1}], threads=1, channels=1)
        reading = scenario(reader, [closed('read', 64, seconds)])
        for _ in range(self.rounds):
            alone = load(reading, server, '--no-setup')['phase']['read']
            # What writing takes when nobody reads, both ends of it.
            only = load(writing, server, '--no-setup')['phase']['write']
            writer = processes.child(processes.load_command(writing, server, '--no-setup'),
                                     stdout=subprocess.PIPE, text=True)
            time.sleep(0.5)
            beside = load(reading, server, '--no-setup')['phase']['read']
            written = json.loads(writer.communicate()[0])['phases'][0]
            cores = len(os.sched_getaffinity(0))
            used = (only['server_cpu_us_per_call'] + only['client_cpu_us_per_call']) / 1e6 \
                * only['all']['calls_per_second'] / cores
            expected = alone['all']['ok_per_second'] * (1 - used)
            slowdowns.append(1 - beside['all']['ok_per_second'] / expected)
            share.append(used)
            answers.append(100 * written['all']['ok_per_second'])
        server.stop()
        slow = statistics.median(slowdowns)
        self.row('writers beside readers', 'answers/s written meanwhile',
                 statistics.median(answers), 10_000, None, '', None)
        self.row('writers beside readers', 'share of the cores that writing takes',
                 statistics.median(share), None, None, '', None)
        self.row('writers beside readers', 'readers lose beyond that share', slow, None, None,
                 '<= 0.05', slow <= 0.05)

    def deadline(self):
        """A large plan whose time runs out."""
        done = subprocess.run([os.path.join(BIN, 'allot-load-deadline')], stdout=subprocess.PIPE,
                              text=True, check=True)
        figures = json.loads(done.stdout)
        self.note(f'  {figures}')
        case = 'deadline 1024 x 100k'
        self.row(case, 'ms a plan takes that is left alone', figures['alone_ms'], None, None, '',
                 None)
        for name, metric in (('answered', 'ms to the answer, p50'),
                             ('stopped', 'ms until work stops, p50')):
            value = figures[f'{name}_ms_p50']
            self.row(case, metric, value, None, None, '<= 1', value <= 1)
            self.row(case, metric.replace('p50', 'p99'), figures[f'{name}_ms_p99'], None, None,
                     '<= 1', figures[f'{name}_ms_p99'] <= 1)

    def measuring(self):
        """CPU a call with metrics and logs against none: see no_metrics.cc."""
        call = CALLS['Score']
        library = os.path.join(BIN, '..', 'tests', 'load', 'liballot_load_no_metrics.so')
        normal = allotd()
        bare = allotd('--log_level=error', env={**os.environ, 'LD_PRELOAD': library})
        for server in (normal, bare):
            load(scenario(call, [closed('none', 1, 1)]), server, '--setup-only')
        on, off = [], []
        for i in range(3 * self.rounds):
            order = [(on, normal), (off, bare)]
            for to, server in order if i % 2 else order[::-1]:
                phase = load(scenario(call, [closed('run', 64, self.seconds / 2)]), server,
                             '--no-setup')['phase']['run']
                to.append((phase['all']['ok_per_second'], phase['server_cpu_us_per_call']))
        for server in (normal, bare):
            server.stop()
        self.pair('metrics and logs', 'calls/s, on against off', on, off, 0, '>= ', 0.99)
        self.pair('metrics and logs', 'server CPU us a call', on, off, 1, '', None)

    def start(self):
        pool = {'id': 'floor', 'skills': 64, 'labelers': 100_000}
        call = {**CALLS['Allocate']}
        home = processes.folder()
        first = allotd(store='sqlite:allot.db', cwd=home)
        load(scenario(call, [closed('none', 1, 1)], pool), first, '--setup-only')
        first.stop()
        seconds = []
        for _ in range(self.rounds):
            server = allotd(store='sqlite:allot.db', cwd=home)
            seconds.append(server.seconds_to_ready)
            server.stop()
        value = statistics.median(seconds)
        self.row('start 100k x 64', 'seconds to ready', value, None, None, '<= 1.5', value <= 1.5)

    def overload(self):
        """Three times what it can do, and back.

        Server and client have cores of their own: what it takes the client to send
        so much is no loss of the server's.
        """
        call = {**CALLS['Batch'], 'timeout_ms': 1000}
        servers, clients = processes.halves()
        server = allotd(cores=servers)
        phases = [
            closed('warm', 8, 2), closed('peak', 8, max(5, self.seconds)),
            {'name': 'load 80%', 'kind': 'poisson', 'seconds': 10,
             'rate_of': {'phase': 'peak', 'share': 0.8}},
            {'name': 'overload', 'kind': 'poisson', 'seconds': self.overload_seconds,
             'rate_of': {'phase': 'peak', 'share': 3}},
            {'name': 'settle', 'kind': 'poisson', 'seconds': 1,
             'rate_of': {'phase': 'peak', 'share': 0.8}},
            {'name': 'after', 'kind': 'poisson', 'seconds': 5,
             'rate_of': {'phase': 'peak', 'share': 0.8}}]
        load(scenario(call, phases), server, '--setup-only')
        figures = load(scenario(call, phases), server, '--no-setup', cores=clients)
        phase = {name: data['all'] for name, data in figures['phase'].items()}
        memory = [point.get('server_resident_bytes', 0) / 1e6 for point in figures['timeline']]
        server.stop()
        case = 'overload 3x'
        peak, good = phase['peak']['ok_per_second'], phase['overload']['ok_per_second']
        self.row(case, 'goodput/s against peak', good, peak, good / peak, '>= 0.9',
                 good >= 0.9 * peak)
        ratio = phase['overload']['p99_ms'] / phase['load 80%']['p99_ms']
        self.row(case, 'p99 ms of admitted, against 80%', phase['overload']['p99_ms'],
                 phase['load 80%']['p99_ms'], ratio, '<= 2', ratio <= 2)
        self.row(case, 'MB resident at most', max(memory), None, None, '<= 500',
                 max(memory) <= 500)
        ratio = phase['after']['p99_ms'] / phase['load 80%']['p99_ms']
        recovered = phase['after']['error_ratio'] <= 0.001 and ratio <= 1.5
        self.row(case, 'p99 ms from 1 s after, against 80%', phase['after']['p99_ms'],
                 phase['load 80%']['p99_ms'], ratio, '<= 1.5', recovered)
        self.row(case, 'errors from 1 s after', phase['after']['error_ratio'], None, None,
                 '<= 0.001', phase['after']['error_ratio'] <= 0.001)

    def drain(self):
        """SIGTERM under load: what was admitted is answered."""
        call = {**CALLS['Batch']}
        lost = 0
        for _ in range(self.rounds):
            server = allotd()
            run = scenario(call, [closed('run', 16, 3)], drain_seconds=2)
            load(run, server, '--setup-only')
            loading = processes.child(processes.load_command(run, server, '--no-setup'),
                                      stdout=subprocess.PIPE, text=True)
            time.sleep(1.5)
            code = server.stop()
            figures = json.loads(loading.communicate()[0])
            lost += figures['phases'][0]['all']['unanswered'] + (1 if code else 0)
            for failure in figures['failures']:
                # These never left the client: nobody listens.
                refused = ('failed to connect', 'Connection refused', 'connections to all backends')
                if not any(text in failure['message'] for text in refused):
                    self.note(f'  lost: {failure}')
                    lost += failure['calls']
        self.row('drain', 'admitted calls lost by SIGTERM', lost, None, None, '= 0', lost == 0)

    def rolling(self):
        """Two replicas behind haproxy, restarted in turn."""
        import rolling  # beside this file
        lost, answered = rolling.lost_calls(self.note)
        if lost is None:
            self.note('  haproxy is not installed: no rolling restart')
            return
        self.row('rolling restart', f'calls lost of {answered}', lost, None, None, '= 0', lost == 0)


def main():
    parser = argparse.ArgumentParser(prog='tests/load/run floor', description=__doc__)
    parser.add_argument('--json', action='store_true', help='one object a line')
    parser.add_argument('--only', default='', metavar='CASE,...', help='these cases alone')
    parser.add_argument('--rounds', type=int, default=5, help='pairs a ratio is the median of')
    parser.add_argument('--seconds', type=float, default=3, help='of one run of a pair')
    parser.add_argument('--overload-seconds', type=float, default=60)
    options = parser.parse_args()
    floor = Floor(options)
    cases = {
        'score': lambda: floor.small('Score 1 x 5 answers', CALLS['Score'], 0.85, 1.3),
        'allocate': lambda: floor.small('Allocate 1 x 10k x 16', CALLS['Allocate'], 0.65, 1.5),
        'batch': floor.batch,
        'large': floor.large,
        'writers': floor.writers,
        'deadline': floor.deadline,
        'measuring': floor.measuring,
        'start': floor.start,
        'overload': floor.overload,
        'drain': floor.drain,
        'rolling': floor.rolling,
    }
    wanted = [name for name in options.only.split(',') if name] or list(cases)
    for name in wanted:
        if name not in cases:
            parser.error(f'no case {name}; there are {", ".join(cases)}')
    if not options.json:
        print(f'load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores')
        print(f'{"case":<22} {"metric":<34} {"value":>10} {"yardstick":>10} {"ratio":>8}  goal')
    for name in wanted:
        floor.note(f'{name}: load average {os.getloadavg()[0]:.1f}')
        cases[name]()
    return 0 if all(row['ok'] is not False for row in floor.rows) else 1


if __name__ == '__main__':
    sys.exit(main())
