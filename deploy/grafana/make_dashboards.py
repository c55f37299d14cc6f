#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the Grafana dashboards beside this file; --check says if they are stale.

A panel here is one line: title, unit, and its queries with their legends.
"""

import json
import os
import sys

RPC = 'job=~"$job", instance=~"$instance"'
UNARY = RPC + ', grpc_type="unary"'
POOL = RPC + ', pool=~"$pool"'
RATE = '[$__rate_interval]'


def quantile(q, metric, by, match):
    labels = ', '.join(['le', *by])
    return f'histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket{{{match}}}{RATE})))'


def rate(metric, by='', match=RPC):
    return f'sum by ({by}) (rate({metric}{{{match}}}{RATE}))' if by else \
        f'sum(rate({metric}{{{match}}}{RATE}))'


def ratio(top, bottom):
    return f'{top} / {bottom}'


BAD = RPC + ', grpc_code=~"Unavailable|Internal|Unknown|DataLoss|DeadlineExceeded|ResourceExhausted"'

DASHBOARDS = {
    'calls': ('allot: calls', [
        ('Calls a second', 'reqps', [(rate('grpc_server_handled_total', 'grpc_method'), '{{grpc_method}}')]),
        ('Failures of the server\'s making', 'percentunit', [
            (f'{rate("grpc_server_handled_total", "grpc_method", BAD)} / {rate("grpc_server_handled_total", "grpc_method")}', '{{grpc_method}}')]),
        ('Endings other than OK', 'reqps', [
            (rate('grpc_server_handled_total', 'grpc_code', RPC + ', grpc_code!="OK"'), '{{grpc_code}}')]),
        ('Latency, 99th percentile', 's', [(quantile(0.99, 'grpc_server_handling_seconds', ['grpc_method'], UNARY), '{{grpc_method}}')]),
        ('Latency, median', 's', [(quantile(0.5, 'grpc_server_handling_seconds', ['grpc_method'], UNARY), '{{grpc_method}}')]),
        ('Allocate by phase, mean', 's', [
            ('sum by (phase) (rate(allot_phase_seconds_sum{' + RPC + ', method="Allocate"}' + RATE + ')) / '
             'sum by (phase) (rate(allot_phase_seconds_count{' + RPC + ', method="Allocate"}' + RATE + '))', '{{phase}}')]),
        ('Messages a second', 'reqps', [
            (rate('grpc_server_msg_received_total', 'grpc_method'), 'in {{grpc_method}}'),
            (rate('grpc_server_msg_sent_total', 'grpc_method'), 'out {{grpc_method}}')]),
        ('Calls started and not ended', 'short', [
            ('sum(grpc_server_started_total{' + RPC + '}) - sum(grpc_server_handled_total{' + RPC + '})', 'open')]),
        ('Retries answered from memory', 'reqps', [(rate('allot_request_replays_total'), 'replays')]),
    ]),
    'saturation': ('allot: saturation', [
        ('Workers busy', 'percentunit', [('sum by (instance) (allot_workers_busy{' + RPC + '}) / sum by (instance) (allot_workers{' + RPC + '})', '{{instance}}')]),
        ('Calls that wait', 'short', [
            ('sum by (instance) (allot_queue_depth{' + RPC + '})', '{{instance}}'),
            ('sum by (instance) (allot_queue_limit{' + RPC + '})', 'limit {{instance}}')]),
        ('Limit on calls in flight', 'short', [('sum by (instance) (allot_in_flight_limit{' + RPC + '})', '{{instance}}')]),
        ('Refusals a second', 'reqps', [(rate('allot_admission_refusals_total', 'reason'), '{{reason}}')]),
        ('Wait in the queue, 99th percentile', 's', [(quantile(0.99, 'allot_phase_seconds', ['method'], RPC + ', phase="queue"'), '{{method}}')]),
        ('CPU', 'short', [(rate('process_cpu_seconds_total', 'instance'), '{{instance}}')]),
        ('Memory', 'bytes', [
            ('process_resident_memory_bytes{' + RPC + '}', 'resident {{instance}}'),
            ('allot_request_cache_bytes{' + RPC + '}', 'kept responses {{instance}}')]),
        ('Store, 99th percentile', 's', [(quantile(0.99, 'allot_store_seconds', ['op'], RPC), '{{op}}')]),
        ('Store failures a second', 'reqps', [(rate('allot_store_errors_total', 'op'), '{{op}}')]),
        ('Connections', 'short', [
            ('allot_connections{' + RPC + '}', '{{instance}}'),
            (rate('allot_connections_refused_total', 'instance'), 'refused/s {{instance}}')]),
        ('File descriptors', 'percentunit', [('process_open_fds{' + RPC + '} / process_max_fds{' + RPC + '}', '{{instance}}')]),
        ('Ready', 'short', [('allot_ready{' + RPC + '}', '{{instance}}')]),
    ]),
    'allocation': ('allot: allocation quality', [
        ('Plans a second', 'ops', [(rate('allot_plans_total', 'solver'), '{{solver}}')]),
        ('Optimality gap', 'percentunit', [
            (quantile(0.9, 'allot_optimality_gap_ratio', [], RPC), '90th percentile'),
            (quantile(0.99, 'allot_optimality_gap_ratio', [], RPC), '99th percentile')]),
        ('Plans proven optimal', 'percentunit', [
            ('sum(rate(allot_optimality_gap_ratio_bucket{' + RPC + ', le="1e-09"}' + RATE + ')) / sum(rate(allot_optimality_gap_ratio_count{' + RPC + '}' + RATE + '))', 'share')]),
        ('Slots filled', 'percentunit', [(ratio(rate('allot_filled_slots_total'), rate('allot_slots_total')), 'share')]),
        ('Slots left empty, a second', 'ops', [(rate('allot_unfilled_slots_total', 'reason'), '{{reason}}')]),
        ('Expected accuracy of planned pairs', 'percentunit', [
            (quantile(0.1, 'allot_expected_accuracy_ratio', [], RPC), '10th percentile'),
            (quantile(0.5, 'allot_expected_accuracy_ratio', [], RPC), 'median')]),
        ('Leases a second', 'ops', [(rate('allot_leases_total', 'outcome'), '{{outcome}}')]),
        ('Open leases', 'short', [('sum by (pool) (allot_pool_open_leases{' + POOL + '})', '{{pool}}')]),
    ]),
    'confidence': ('allot: confidence and calibration', [
        ('Tasks scored a second', 'ops', [(rate('allot_score_decisions_total', 'decision'), '{{decision}}')]),
        ('Confidence of scored tasks', 'percentunit', [
            (quantile(0.1, 'allot_score_confidence_ratio', [], RPC), '10th percentile'),
            (quantile(0.5, 'allot_score_confidence_ratio', [], RPC), 'median')]),
        ('Calibration error on gold', 'percentunit', [
            ('allot_calibration_error_after{' + POOL + '}', '{{pool}}'),
            ('allot_calibration_error_before{' + POOL + '}', '{{pool}} without the map')]),
        ('Gold tasks', 'short', [('allot_calibration_gold_tasks{' + POOL + '}', '{{pool}}')]),
        ('Answers that the models have not seen', 'short', [('allot_pool_answers{' + POOL + '} - allot_refit_answers{' + POOL + '}', '{{pool}}')]),
        ('Labels that the last fit changed', 'percentunit', [('allot_refit_changed_labels_ratio{' + POOL + '}', '{{pool}}')]),
        ('Confidence that the last fit changed', 'percentunit', [('allot_refit_changed_confidence{' + POOL + '}', '{{pool}}')]),
        ('Duration of the last fit', 's', [('allot_refit_seconds{' + POOL + '}', '{{pool}}')]),
    ]),
    'pools': ('allot: labeler pools', [
        ('Labelers', 'short', [('allot_roster_labelers{' + POOL + '}', '{{pool}}')]),
        ('Roster changes a second', 'ops', [('sum by (pool) (rate(allot_roster_version{' + POOL + '}' + RATE + '))', '{{pool}}')]),
        ('Tasks remembered', 'short', [('allot_pool_tasks{' + POOL + '}', '{{pool}}')]),
        ('Answers learned from, a second', 'ops', [('sum by (pool) (rate(allot_pool_answers{' + POOL + '}' + RATE + '))', '{{pool}}')]),
        ('Answers a second', 'ops', [(rate('allot_answers_total', 'outcome'), '{{outcome}}')]),
        ('Open leases to a labeler', 'short', [('allot_pool_open_leases{' + POOL + '} / (allot_roster_labelers{' + POOL + '} > 0)', '{{pool}}')]),
        ('Fits under way', 'short', [('allot_refit_pending{' + POOL + '}', '{{pool}}')]),
        ('Pools', 'short', [('allot_pools{' + RPC + '}', '{{instance}}')]),
    ]),
}


def variable(name, query):
    return {'name': name, 'label': name, 'type': 'query', 'datasource': {'type': 'prometheus', 'uid': '${datasource}'},
            'query': {'query': query, 'refId': name}, 'refresh': 2, 'includeAll': True,
            'multi': True, 'current': {'text': 'All', 'value': '$__all'}, 'allValue': '.*'}


def dashboard(uid, title, panels):
    source = {'type': 'prometheus', 'uid': '${datasource}'}
    out = []
    for i, (name, unit, queries) in enumerate(panels):
        out.append({
            'id': i + 1, 'type': 'timeseries', 'title': name, 'datasource': source,
            'gridPos': {'h': 8, 'w': 8, 'x': 8 * (i % 3), 'y': 8 * (i // 3)},
            'fieldConfig': {'defaults': {'unit': unit, 'min': 0, 'custom': {'lineWidth': 1, 'fillOpacity': 8, 'showPoints': 'never'}}, 'overrides': []},
            'options': {'legend': {'displayMode': 'list', 'placement': 'bottom', 'showLegend': True, 'calcs': []},
                        'tooltip': {'mode': 'multi', 'sort': 'desc'}},
            'targets': [{'refId': chr(65 + k), 'datasource': source, 'expr': expr, 'legendFormat': legend}
                        for k, (expr, legend) in enumerate(queries)]})
    variables = [{'name': 'datasource', 'label': 'data source', 'type': 'datasource', 'query': 'prometheus'},
                 variable('job', 'label_values(allot_ready, job)'),
                 variable('instance', 'label_values(allot_ready{job=~"$job"}, instance)')]
    if any('$pool' in query for _, _, queries in panels for query, _ in queries):
        variables.append(variable('pool', 'label_values(allot_roster_labelers{job=~"$job"}, pool)'))
    return {'uid': f'allot-{uid}', 'title': title, 'tags': ['allot'], 'timezone': 'browser',
            'schemaVersion': 38, 'editable': True, 'refresh': '30s', 'graphTooltip': 1,
            'time': {'from': 'now-1h', 'to': 'now'}, 'templating': {'list': variables},
            'annotations': {'list': []}, 'panels': out}


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    stale = []
    for uid, (title, panels) in DASHBOARDS.items():
        path = os.path.join(folder, f'{uid}.json')
        text = json.dumps(dashboard(uid, title, panels), indent=2) + '\n'
        if '--check' in sys.argv:
            if not os.path.exists(path) or open(path, encoding='utf-8').read() != text:
                stale.append(path)
        else:
            with open(path, 'w', encoding='utf-8') as out:
                out.write(text)
    for path in stale:
        print(f'{path} is stale: run deploy/grafana/make_dashboards.py', file=sys.stderr)
    return 1 if stale else 0


if __name__ == '__main__':
    sys.exit(main())
