# SPDX-License-Identifier: Apache-2.0
"""Half of what it can do for an hour: memory stays flat, latency does not drift."""

import argparse
import sys

from processes import allotd, load

POOL = {'id': 'soak', 'labelers': 10_000}
CALLS = [
    {'name': 'score', 'method': 'Score', 'pool': 'soak', 'weight': 10},
    {'name': 'allocate', 'method': 'Allocate', 'pool': 'soak', 'tasks': 4, 'redundancy': 2,
     'weight': 3},
    {'name': 'batch', 'method': 'Allocate', 'pool': 'soak', 'tasks': 64, 'redundancy': 3},
]


def main():
    parser = argparse.ArgumentParser(prog='tests/load/run soak', description=__doc__)
    parser.add_argument('--minutes', type=float, default=60)
    parser.add_argument('--html', default='', help='write a page with plots')
    options = parser.parse_args()
    quarter = options.minutes * 60 / 4
    half = {'phase': 'peak', 'share': 0.5}
    phases = [{'name': 'warm', 'kind': 'closed', 'in_flight': 16, 'seconds': 5, 'measure': False},
              {'name': 'peak', 'kind': 'closed', 'in_flight': 16, 'seconds': 5, 'measure': False}]
    phases += [{'name': f'quarter {i}', 'kind': 'poisson', 'seconds': quarter, 'rate_of': half}
               for i in range(1, 5)]
    server = allotd()
    flags = ['--html', options.html] if options.html else []
    figures = load({'name': 'soak', 'pools': [POOL], 'calls': CALLS, 'phases': phases}, server,
                   *flags)
    server.stop()
    first, last = figures['phase']['quarter 1'], figures['phase']['quarter 4']
    growth = (last['server_resident_bytes'] - first['server_resident_bytes']) / 1e6
    drift = last['all']['p50_ms'] / first['all']['p50_ms']
    errors = sum(p['all']['error_ratio'] for p in figures['phases'] if p['measured'])
    for phase in figures['phases']:
        print(f'{phase["name"]:<10} {phase["all"]["ok_per_second"]:8.1f}/s '
              f'p50 {phase["all"]["p50_ms"]:7.3f} ms  p99 {phase["all"]["p99_ms"]:8.3f} ms  '
              f'{phase["server_resident_bytes"] / 1e6:7.1f} MB')
    verdicts = [('MB grown from the first quarter to the last', growth, growth <= 10),
                ('median of the last quarter against the first', drift, drift <= 1.25),
                ('errors', errors, errors <= 0.001)]
    for name, value, ok in verdicts:
        print(f'{name}: {value:.3g} {"ok" if ok else "MISSED"}')
    return 0 if all(ok for *_, ok in verdicts) else 1


if __name__ == '__main__':
    sys.exit(main())
