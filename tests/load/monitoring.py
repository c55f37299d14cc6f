# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus scrapes an allotd under load.

Every expression of every dashboard panel and rule must return data, an
injected overload must raise the alert, and its end must end it. Time runs 60
times faster than in the rules: [5m] is five seconds, `for: 2m` two.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import yaml

import processes
from processes import ROOT, allotd, load

POOL = {'id': 'watched', 'labelers': 2000}
SECONDS = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400}


def faster(text):
    """The same rules on a clock that runs 60 times faster."""
    def scaled(match):
        return f'{max(2, int(match[1]) * SECONDS[match[2]] // 60)}s'
    text = re.sub(r'(?<=\[)(\d+)([smhd])(?=\])', scaled, text)
    return re.sub(r'(?<=for: )(\d+)([smhd])', scaled, text)


class Prometheus:
    def __init__(self, server):
        home = processes.folder()
        with open(os.path.join(ROOT, 'deploy', 'prometheus', 'rules.yml'), encoding='utf-8') as file:
            self.rules = yaml.safe_load(faster(file.read()))
        with open(os.path.join(ROOT, 'deploy', 'prometheus', 'prometheus.yml'),
                  encoding='utf-8') as file:
            config = yaml.safe_load(file)
        config['global'] = {'scrape_interval': '1s', 'evaluation_interval': '1s'}
        config['scrape_configs'][0]['static_configs'][0]['targets'] = [server.http]
        del config['alerting']
        for name, content in (('rules.yml', self.rules), ('prometheus.yml', config)):
            with open(os.path.join(home, name), 'w', encoding='utf-8') as out:
                yaml.safe_dump(content, out)
        self.port = processes.free_port()
        with open(os.path.join(home, 'log'), 'wb') as log:
            self.process = processes.child(
                ['prometheus', f'--config.file={home}/prometheus.yml',
                 f'--storage.tsdb.path={home}/data', '--log.level=warn',
                 f'--web.listen-address=127.0.0.1:{self.port}'], stderr=log, stdout=log)
        self.until(lambda: self.query('up == 1'), 30, 'Prometheus does not scrape')

    def get(self, path, **parameters):
        url = f'http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}'
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)['data']
        except urllib.error.HTTPError as error:
            if error.code == 503:
                return None  # up, but still reading its own files
            raise SystemExit(f'{parameters}: {error.read().decode()}') from error
        except OSError:
            return None  # not up yet

    def query(self, expression):
        data = self.get('query', query=expression)
        return data['result'] if data else []

    def firing(self, name):
        data = self.get('alerts')
        return [a for a in data['alerts'] if a['labels']['alertname'] == name
                and a['state'] == 'firing']

    @staticmethod
    def until(condition, seconds, failure):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise SystemExit(failure)
            time.sleep(0.5)


def expressions(rules):
    """(where, expression), such that each ought to return data in a healthy server."""
    for group in rules['groups']:
        for rule in group['rules']:
            name = rule.get('record', rule.get('alert'))
            # An alert's comparison is empty while all is well: its sides are not.
            for part in re.split(r'\band\b', rule['expr']):
                side = re.split(r' (?:>=|<=|==|>|<) ', part)[0].strip()
                yield name, side
    for uid in sorted(os.listdir(os.path.join(ROOT, 'deploy', 'grafana'))):
        if not uid.endswith('.json'):
            continue
        with open(os.path.join(ROOT, 'deploy', 'grafana', uid), encoding='utf-8') as file:
            for panel in json.load(file)['panels']:
                for target in panel['targets']:
                    expression = target['expr'].replace('$__rate_interval', '10s')
                    yield f'{uid}: {panel["title"]}', re.sub(r'\$\w+', '.*', expression)


def traffic(seconds):
    """Some of everything that shows in a panel."""
    return {
        'name': 'some of everything', 'pools': [POOL],
        'calls': [
            {'name': 'allocate', 'method': 'Allocate', 'pool': 'watched', 'tasks': 4, 'weight': 2,
             'redundancy': 2},
            {'name': 'lease', 'method': 'Allocate', 'pool': 'watched', 'tasks': 2,
             'lease_seconds': 1, 'variants': 4000},
            {'name': 'score', 'method': 'Score', 'pool': 'watched', 'weight': 4},
            {'name': 'answers', 'method': 'ReportAnswers', 'pool': 'watched', 'tasks': 5,
             'answers': 3}],
        'phases': [{'name': 'run', 'kind': 'poisson', 'rate': 40, 'seconds': seconds}]}


def overload(seconds):
    call = {'name': 'batch', 'method': 'Allocate', 'pool': 'watched', 'tasks': 256,
            'redundancy': 3, 'timeout_ms': 2000}
    return {'name': 'overload', 'pools': [POOL], 'calls': [call],
            'phases': [{'name': 'peak', 'kind': 'closed', 'in_flight': 8, 'seconds': 2},
                       {'name': 'over', 'kind': 'constant', 'seconds': seconds,
                        'rate_of': {'phase': 'peak', 'share': 4}}]}


def main():
    parser = argparse.ArgumentParser(prog='tests/load/run monitoring', description=__doc__)
    parser.add_argument('--no-overload', action='store_true', help='only ask every expression')
    parser.add_argument('--seconds', type=float, default=15, help='of load before it is asked')
    options = parser.parse_args()
    if shutil.which('prometheus') is None:
        print('prometheus is not installed')
        return 77  # skipped
    server = allotd('--queue=16', store='sqlite:allot.db')
    load(traffic(1), server, '--setup-only')
    prometheus = Prometheus(server)
    running = processes.child(processes.load_command(traffic(options.seconds + 20), server,
                                                     '--no-setup'),
                              stdout=subprocess.DEVNULL)
    time.sleep(options.seconds)
    asked = list(expressions(prometheus.rules))
    empty = asked
    # The load goes on: a slow machine may need longer to have it all.
    end = time.monotonic() + 15
    while empty and time.monotonic() < end:
        empty = [(where, asks) for where, asks in empty if not prometheus.query(asks)]
    running.terminate()
    running.wait()
    print(f'{len(asked)} expressions asked, {len(empty)} without data')
    for where, asks in empty:
        print(f'  no data: {where}: {asks}')
    if empty or options.no_overload:
        return 1 if empty else 0

    alert = 'AllotOverloaded'
    if prometheus.firing(alert):
        raise SystemExit(f'{alert} fires before there is any overload')
    loading = processes.child(processes.load_command(overload(40), server, '--no-setup'),
                              stdout=subprocess.DEVNULL)
    start = time.monotonic()
    prometheus.until(lambda: prometheus.firing(alert), 40, f'{alert} does not fire')
    print(f'{alert} fired {time.monotonic() - start:.0f} s after the load began')
    loading.terminate()
    loading.wait()
    start = time.monotonic()
    prometheus.until(lambda: not prometheus.firing(alert), 60, f'{alert} does not end')
    print(f'{alert} ended {time.monotonic() - start:.0f} s after the load ended')
    return 0


if __name__ == '__main__':
    sys.exit(main())
