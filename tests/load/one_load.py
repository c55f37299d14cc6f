# SPDX-License-Identifier: Apache-2.0
"""One scenario, against a server that is there or one of our own."""

import os
import subprocess
import sys

from processes import BIN, allotd


def main():
    arguments = sys.argv[1:]
    command = [os.path.join(BIN, 'allot-load'), *arguments]
    if any(a == '--server' or a.startswith('--server=') for a in arguments):
        return subprocess.run(command, check=False).returncode
    server = allotd()
    command += ['--server', server.grpc, '--server-pid', str(server.pid)]
    code = subprocess.run(command, check=False).returncode
    server.stop()
    return code


if __name__ == '__main__':
    sys.exit(main())
