# SPDX-License-Identifier: Apache-2.0
"""Restarts two allotd behind haproxy one after the other, under load."""

import json
import os
import shutil
import subprocess
import time

import processes
from processes import BIN, ROOT

CALLS = [
    {'name': 'score', 'method': 'Score', 'pool': 'rolling', 'weight': 2},
    {'name': 'allocate', 'method': 'Allocate', 'pool': 'rolling', 'tasks': 8, 'redundancy': 2},
]


def scenario(seconds):
    return {'name': 'rolling', 'pools': [{'id': 'rolling', 'labelers': 1000}], 'calls': CALLS,
            'phases': [{'name': 'run', 'kind': 'closed', 'in_flight': 16, 'seconds': seconds}]}


class Replica:
    """An allotd that comes back on the ports it had, with the state it had."""

    def __init__(self):
        self.grpc, self.http = processes.free_port(), processes.free_port()
        self.home = processes.folder()
        self.start()

    def start(self):
        self.server = processes.Server(
            [os.path.join(BIN, 'allotd'), f'--listen=127.0.0.1:{self.grpc}',
             f'--http_listen=127.0.0.1:{self.http}', '--store=sqlite:allot.db'], cwd=self.home)

    def restart(self):
        code = self.server.stop()
        self.start()
        return code


class Proxy:
    """haproxy with the file of deploy/, on our ports."""

    def __init__(self, replicas):
        with open(os.path.join(ROOT, 'deploy', 'proxies', 'haproxy.cfg'), encoding='utf-8') as file:
            text = file.read()
        self.port = processes.free_port()
        text = text.replace('127.0.0.1:50050', f'127.0.0.1:{self.port}')
        for grpc, http, replica in (('50051', '9464', replicas[0]), ('50052', '9465', replicas[1])):
            text = text.replace(f'127.0.0.1:{grpc} proto h2 port {http}',
                                f'127.0.0.1:{replica.grpc} proto h2 port {replica.http}')
        path = os.path.join(processes.folder(), 'haproxy.cfg')
        with open(path, 'w', encoding='utf-8') as out:
            out.write(text)
        self.process = processes.child(['haproxy', '-q', '-db', '-f', path])
        self.grpc, self.pid = f'127.0.0.1:{self.port}', self.process.pid
        time.sleep(1)


def lost_calls(note, rests=2.0):
    """(calls that ended badly, calls); (None, 0) without haproxy."""
    if shutil.which('haproxy') is None:
        return None, 0
    replicas = [Replica(), Replica()]
    for replica in replicas:
        processes.load(scenario(1), replica.server, '--setup-only')
    proxy = Proxy(replicas)
    loading = processes.child(
        processes.load_command(scenario(4 * rests + 2), proxy, '--no-setup'),
        stdout=subprocess.PIPE, text=True)
    for replica in replicas:
        time.sleep(rests)
        if replica.restart() != 0:
            note('  a replica ended with an error')
    figures = json.loads(loading.communicate()[0])
    for failure in figures['failures']:
        note(f'  lost: {failure}')
    every = figures['phases'][0]['all']
    proxy.process.terminate()
    for replica in replicas:
        replica.server.stop()
    return every['started'] - every['codes'].get('OK', 0), every['started']
