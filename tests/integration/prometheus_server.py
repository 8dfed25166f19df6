"""A real Prometheus that scrapes one daemon, as the tests ask it."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: mcpledger
    static_configs: [{{targets: ["{target}"]}}]
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class PrometheusServer:
    def __init__(self, folder, programs, target):
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(target=target))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api/v1/"
        with open(folder / "prometheus.log", "wb") as log:
            self.process = subprocess.Popen(
                [programs / "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
                 f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage"], stdout=log, stderr=log)

    def close(self):
        self.process.terminate()
        self.process.wait(30)

    def ask(self, path, **parameters):
        """The data of an answer; None while it does not listen.  A query that it refuses is an error."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as refusal:
            assert refusal.code == 503, refusal.read()  # it listens, but has not begun
            return None
        except OSError:
            return None

    def query(self, query):
        """{labels: value}; None without any."""
        found = (self.ask("query", query=query) or {"result": []})["result"]
        return {tuple(sorted(row["metric"].items())): float(row["value"][1]) for row in found} or None

    def exemplars(self, query):
        return self.ask("query_exemplars", query=query, start=time.time() - 3600, end=time.time() + 60)
