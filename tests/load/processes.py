# SPDX-License-Identifier: Apache-2.0
"""Servers and load, as child processes that end with us."""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get('ALLOT_BIN', os.path.join(ROOT, 'build', 'release', 'bin'))

_children = []
_folders = []


def _end_all():
    for child in _children:
        if child.poll() is None:
            child.kill()
            child.wait()
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


atexit.register(_end_all)
# So that atexit runs when we are told to stop.
signal.signal(signal.SIGTERM, lambda *_: os._exit(143) if _end_all() is None else None)


def folder():
    """A new folder that goes with us."""
    path = tempfile.mkdtemp(prefix='allot-load-')
    _folders.append(path)
    return path


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def halves():
    """The cores in two parts, or None twice if there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return None, None
    return cores[:len(cores) // 2], cores[len(cores) // 2:]


def bound_to(cores, command):
    """The command, on these cores only; None: on any."""
    if cores is None:
        return command
    return ['taskset', '--cpu-list', ','.join(map(str, cores)), *command]


def child(command, **kwargs):
    process = subprocess.Popen(command, **kwargs)
    _children.append(process)
    return process


class Server:
    """A program that prints its ports as one line of JSON once it serves."""

    def __init__(self, command, env=None, cwd=None):
        self.cwd = cwd or folder()
        self.log = os.path.join(self.cwd, 'log')
        started = time.monotonic()
        with open(self.log, 'ab') as log:
            self.process = child(command, cwd=self.cwd, stderr=log, env=env,
                                 stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.seconds_to_ready = time.monotonic() - started
        if not line:
            with open(self.log, encoding='utf-8') as log:
                raise SystemExit(f'{command[0]} did not start:\n{log.read()}')
        ports = json.loads(line)
        self.grpc = ports['grpc']
        self.http = ports.get('http', '')
        self.pid = self.process.pid

    def stop(self):
        """SIGTERM, then waits: the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code

    def get(self, path):
        with urllib.request.urlopen(f'http://{self.http}{path}', timeout=10) as page:
            return page.read().decode()

    def resident_mb(self):
        with open(f'/proc/{self.pid}/statm', encoding='ascii') as statm:
            return int(statm.read().split()[1]) * os.sysconf('SC_PAGESIZE') / 1e6

    def cpu_seconds(self):
        """User and system time, to the clock tick."""
        with open(f'/proc/{self.pid}/stat', encoding='ascii') as stat:
            fields = stat.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def allotd(*flags, store='memory:', cwd=None, env=None, cores=None):
    return Server(bound_to(cores, [os.path.join(BIN, 'allotd'), '--listen=127.0.0.1:0',
                                   '--http_listen=127.0.0.1:0', f'--store={store}', *flags]),
                  cwd=cwd, env=env)


def load_command(scenario, server, *flags):
    path = os.path.join(folder(), 'scenario.json')
    with open(path, 'w', encoding='utf-8') as out:
        json.dump(scenario, out)
    return [os.path.join(BIN, 'allot-load'), path, '--server', server.grpc, '--server-pid',
            str(server.pid), '--json', '-', '--quiet', *flags]


def load(scenario, server, *flags, cores=None):
    """Runs a scenario: its figures, phases by name. Thresholds are the caller's."""
    done = subprocess.run(bound_to(cores, load_command(scenario, server, *flags)),
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit('allot-load failed')
    if not done.stdout:
        return None
    figures = json.loads(done.stdout)
    figures['phase'] = {phase['name']: phase for phase in figures['phases']}
    return figures
