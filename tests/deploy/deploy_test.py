# SPDX-License-Identifier: Apache-2.0
"""deploy/ fits the server it deploys: metrics, flags, alerts, runbook, manifests."""

import glob
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'load'))
import processes  # pylint: disable=wrong-import-position

# Names in a PromQL expression that are metrics.
NAMES = re.compile(r'\b(?:allot|grpc_server|process)_[a-z0-9_]+\b')


def path(*parts):
    return os.path.join(ROOT, 'deploy', *parts)


def read(*parts):
    with open(path(*parts), encoding='utf-8') as file:
        return file.read()


def without_comments(text):
    return re.sub(r'^\s*//.*$', '', text, flags=re.MULTILINE)


def rules():
    return [rule for group in yaml.safe_load(read('prometheus', 'rules.yml'))['groups']
            for rule in group['rules']]


def panels():
    """(dashboard, panel, expression) of every query."""
    for name in sorted(glob.glob(path('grafana', '*.json'))):
        with open(name, encoding='utf-8') as file:
            board = json.load(file)
        for panel in board['panels']:
            for target in panel['targets']:
                yield os.path.basename(name), panel['title'], target['expr']


class PrometheusTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        server = processes.allotd()
        cls.metrics = set(re.findall(r'^# TYPE (\S+)', server.get('/metrics'), re.MULTILINE))
        # Series of single pools come with the first pool.
        with open(os.path.join(ROOT, 'docs', 'operations.md'), encoding='utf-8') as file:
            cls.documented = set(re.findall(r'^\| `((?:allot|grpc|process)_\w+)`', file.read(),
                                            re.MULTILINE))
        server.stop()

    def known(self, name):
        base = re.sub(r'_(bucket|sum|count)$', '', name)
        if base.startswith(('allot_pool_', 'allot_roster_', 'allot_refit_', 'allot_calibration_')):
            return base in self.documented
        return name in self.metrics or base in self.metrics

    def test_every_metric_of_a_rule_or_panel_is_the_servers(self):
        used = [('rule ' + rule.get('alert', rule.get('record')), rule['expr']) for rule in rules()]
        used += [(f'{board}: {panel}', expr) for board, panel, expr in panels()]
        self.assertGreater(len(used), 60)
        for where, expr in used:
            names = set(NAMES.findall(expr))
            for name in names:
                self.assertTrue(self.known(name), f'{where}: no metric {name}')
            self.assertTrue(names or 'allot:' in expr or 'up{' in expr, where)

    def test_every_recorded_name_that_is_used_is_recorded(self):
        recorded = {rule['record'] for rule in rules() if 'record' in rule}
        for rule in rules():
            for name in re.findall(r'allot:[a-z_]+:[a-z0-9_]+', rule['expr']):
                self.assertIn(name, recorded)

    def test_every_alert_has_a_runbook_entry_and_a_test(self):
        with open(os.path.join(ROOT, 'docs', 'runbook.md'), encoding='utf-8') as file:
            entries = set(re.findall(r'^### (Allot\w+)$', file.read(), re.MULTILINE))
        tests = read('prometheus', 'rules_test.yml') + read('prometheus', 'rules_slow_test.yml')
        alerts = {rule['alert']: rule for rule in rules() if 'alert' in rule}
        self.assertEqual(set(alerts), entries)
        for name, rule in alerts.items():
            self.assertIn(f'- name: {name}\n', tests)
            self.assertEqual(rule['annotations']['runbook'], f'docs/runbook.md#{name.lower()}')
            self.assertIn(rule['labels']['severity'], ('page', 'ticket'))

    @unittest.skipUnless(shutil.which('promtool'), 'no promtool')
    def test_promtool_accepts_the_files_and_alerts_fire_when_they_should(self):
        for command in (['check', 'config', 'prometheus.yml'],
                        ['test', 'rules', 'rules_test.yml', 'rules_slow_test.yml']):
            done = subprocess.run(['promtool', *command], cwd=path('prometheus'), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_dashboards_are_what_their_script_makes(self):
        subprocess.run([sys.executable, path('grafana', 'make_dashboards.py'), '--check'],
                       check=True)


class SettingsTest(unittest.TestCase):
    def check(self, text, changes):
        """What --check_config says of settings, with these changes."""
        settings = json.loads(without_comments(text))
        settings.update(changes)
        file = os.path.join(processes.folder(), 'allotd.json')
        with open(file, 'w', encoding='utf-8') as out:
            json.dump({k: v for k, v in settings.items() if v is not None}, out)
        return subprocess.run([os.path.join(processes.BIN, 'allotd'), f'--config={file}',
                               '--check_config'], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)

    def test_settings_of_the_unit_and_the_manifests_are_accepted(self):
        base = yaml.safe_load(read('kubernetes', 'base', 'config.yaml'))['data']['allotd.json']
        replicas = yaml.safe_load(read('kubernetes', 'replicas',
                                       'config.yaml'))['data']['allotd.json']
        # Certificates and tokens are not here; the store is not either.
        elsewhere = {'tls_cert': None, 'tls_key': None, 'tokens': None, 'allow_cleartext': 'all',
                     'store': 'memory:'}
        for text, changes in ((read('systemd', 'allotd.json'), {'store': 'memory:'}),
                              (base, elsewhere), (replicas, elsewhere)):
            done = self.check(text, changes)
            self.assertEqual(done.returncode, 0, done.stdout)
        self.assertNotEqual(self.check(base, {**elsewhere, 'listne': 'x'}).returncode, 0)


class ManifestsTest(unittest.TestCase):
    def documents(self, folder):
        for name in sorted(glob.glob(path('kubernetes', folder, '*.yaml'))):
            with open(name, encoding='utf-8') as file:
                for document in yaml.safe_load_all(file):
                    yield os.path.basename(name), document

    def deployment(self):
        return next(d for _, d in self.documents('base') if d['kind'] == 'Deployment')

    def test_every_file_is_in_its_kustomization(self):
        for folder in ('base', 'replicas'):
            kustomization = yaml.safe_load(read('kubernetes', folder, 'kustomization.yaml'))
            listed = set(kustomization['resources'])
            listed |= {p['path'] for p in kustomization.get('patches', []) if 'path' in p}
            files = {os.path.basename(f) for f in glob.glob(path('kubernetes', folder, '*.yaml'))}
            self.assertEqual(listed - {'../base'}, files - {'kustomization.yaml'})

    def test_kinds_that_an_operator_expects_are_there(self):
        kinds = {d['kind'] for folder in ('base', 'replicas') for _, d in self.documents(folder)}
        self.assertLessEqual({'Deployment', 'Service', 'ConfigMap', 'NetworkPolicy',
                              'ServiceMonitor', 'PodDisruptionBudget', 'HorizontalPodAutoscaler',
                              'PersistentVolumeClaim'}, kinds)

    def test_volumes_ports_and_probes_refer_to_what_is_there(self):
        pod = self.deployment()['spec']['template']['spec']
        volumes = {volume['name'] for volume in pod['volumes']}
        for container in pod['initContainers'] + pod['containers']:
            self.assertEqual({mount['name'] for mount in container['volumeMounts']}, volumes)
            security = container['securityContext']
            self.assertTrue(security['readOnlyRootFilesystem'])
            self.assertFalse(security['allowPrivilegeEscalation'])
            self.assertEqual(security['capabilities'], {'drop': ['ALL']})
        allotd = pod['containers'][0]
        ports = {port['name']: port['containerPort'] for port in allotd['ports']}
        base = next(d for _, d in self.documents('base') if d['kind'] == 'ConfigMap')
        settings = json.loads(without_comments(base['data']['allotd.json']))
        self.assertEqual(settings['listen'], f'0.0.0.0:{ports["grpc"]}')
        self.assertEqual(settings['http_listen'], f'0.0.0.0:{ports["http"]}')
        for probe in ('startupProbe', 'readinessProbe', 'livenessProbe'):
            self.assertIn(allotd[probe]['httpGet']['port'], ports)
        service = next(d for _, d in self.documents('base') if d['kind'] == 'Service')
        self.assertEqual({p['targetPort'] for p in service['spec']['ports']}, set(ports))

    def test_the_grace_period_covers_pre_stop_and_drain(self):
        pod = self.deployment()['spec']['template']['spec']
        base = next(d for _, d in self.documents('base') if d['kind'] == 'ConfigMap')
        drain = int(json.loads(without_comments(base['data']['allotd.json']))['drain'][:-1])
        lame_duck = 1  # its default
        sleep = int(pod['containers'][0]['lifecycle']['preStop']['exec']['command'][1])
        self.assertGreater(pod['terminationGracePeriodSeconds'], lame_duck + drain + sleep)


class UnitTest(unittest.TestCase):
    @unittest.skipUnless(shutil.which('systemd-analyze'), 'no systemd-analyze')
    def test_the_unit_is_valid_and_exposes_little(self):
        unit = path('systemd', 'allotd.service')
        # Scores run from 0 to 100 here: 20 is what is shown as 2.0.
        done = subprocess.run(['systemd-analyze', 'security', '--offline=true', '--threshold=20',
                               unit], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        copy = os.path.join(processes.folder(), 'allotd.service')
        with open(copy, 'w', encoding='utf-8') as out:
            out.write(read('systemd', 'allotd.service').replace('/usr/local/bin/allotd',
                                                                '/bin/true'))
        done = subprocess.run(['systemd-analyze', 'verify', '--man=no', copy], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual(done.stdout, '')


class ProxiesTest(unittest.TestCase):
    @unittest.skipUnless(shutil.which('haproxy'), 'no haproxy')
    def test_haproxy_accepts_its_file(self):
        subprocess.run(['haproxy', '-c', '-q', '-f', path('proxies', 'haproxy.cfg')], check=True)

    @unittest.skipUnless(shutil.which('nginx'), 'no nginx')
    def test_nginx_accepts_its_file(self):
        subprocess.run(['nginx', '-t', '-q', '-e', '/dev/null', '-g', f'pid {processes.folder()}/pid;',
                        '-c', path('proxies', 'nginx.conf')], check=True)


if __name__ == '__main__':
    unittest.main()
