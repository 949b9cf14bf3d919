"""A real HTTP server as backend: nginx with a configuration and files of its own, so that an nginx
which the machine may run is never touched."""

import pathlib

# Everything lies under the prefix; the workers run as nobody, which is why the prefix is world-readable.
CONFIGURATION = """\
worker_processes 1;
daemon off;
user nobody nogroup;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log warn;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  default_type text/plain;
  client_body_temp_path {prefix}/body;
  proxy_temp_path {prefix}/proxy;
  fastcgi_temp_path {prefix}/fastcgi;
  uwsgi_temp_path {prefix}/uwsgi;
  scgi_temp_path {prefix}/scgi;
  client_max_body_size 0;
  server {{
    listen {address} backlog=4096;
    add_header X-Version {version} always;
{locations}
  }}
}}
"""
HELLO = '    location / {{ return 200 "hello from {version}\\n"; }}'


def write_configuration(prefix, version, address, locations=None):
    """Writes PREFIX/nginx.conf and returns the command line that starts it. Each answer names its
    version in the X-Version field, and in the body unless `locations` (nginx syntax) says otherwise."""
    prefix = pathlib.Path(prefix)
    prefix.mkdir(parents=True, exist_ok=True)
    prefix.chmod(0o755)
    configuration = prefix / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(prefix=prefix, version=version, address=address,
                                                  locations=locations or HELLO.format(version=version)))
    return ["nginx", "-p", str(prefix), "-e", str(prefix / "error.log"), "-c", str(configuration)]
