"""Shared parts of run_server_suite.py and run_client_suite.py.

Drives the Autobahn WebSocket test suite (PyPI autobahntestsuite, Python 2.7) from
Python 3, or PyPI `kosoku` (same case files, Python >= 3.10) where no Python 2.7 exists.
Standard library only; the engines live in virtual environments made on first use.
"""
import base64, collections, ctypes, fnmatch, glob, json, os, re, shutil, signal, socket, struct, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
VENVS = os.environ.get("WSCONF_VENVS", os.path.join(os.path.expanduser("~/.cache"), "ws-conformance"))

# every package of the Python 2.7 environment, pinned (the set that was validated)
PINS27 = """
autobahntestsuite==25.10.1 autobahn==0.10.9 Twisted==19.10.0 zope.interface==4.6.0 txaio==2.1.0
incremental==16.10.1 constantly==15.1.0 hyperlink==21.0.0 idna==2.10 typing==3.10.0.0
Automat==22.10.0 attrs==21.4.0 six==1.16.0 PyHamcrest==1.10.1 wsaccel==0.6.6 ujson==2.0.3
pyOpenSSL==19.1.0 cryptography==3.3.2 cffi==1.15.1 pycparser==2.21 enum34==1.1.10 ipaddress==1.0.23
service-identity==18.1.0 pyasn1==0.5.1 pyasn1-modules==0.3.0 setuptools==44.0.0
klein==17.10.0 Werkzeug==1.0.1 Jinja2==2.11.3 MarkupSafe==1.1.1
unittest2==1.1.0 traceback2==1.4.0 linecache2==1.0.0 argparse==1.4.0
""".split()
VIRTUALENV = "virtualenv==20.21.1"      # last line of virtualenv that makes 2.7 environments
KOSOKU = "kosoku==0.1.0"

# wstest binds to every interface; this start-up shim binds it to loopback only
WSTEST = r"""
import sys
from autobahntestsuite import choosereactor
from twisted.internet import reactor
_listen = reactor.listenTCP
def listenTCP(port, factory, backlog=50, interface=''):
    return _listen(port, factory, backlog, interface or '127.0.0.1')
reactor.listenTCP = listenTCP
sys.argv[0] = 'wstest'
from autobahntestsuite.wstest import run
run()
"""

PROFILES = {
    "core": ["%d.*" % g for g in (1, 2, 3, 4, 5, 6, 7, 10)],
    "limits": ["9.*"],
    "deflate": ["12.*", "13.*"],
    # five sizes (two of them auto-fragmented) of every data / parameter set, 128 KiB only once per group
    "deflate-quick": ["%d.%d.%d" % (g, j, i) for g, js in ((12, 5), (13, 7)) for j in range(1, js + 1)
                      for i in (1, 4, 7, 11, 12) + ((10, 18) if j == 1 else ())],
}
PROFILES["all"] = PROFILES["core"] + PROFILES["limits"] + PROFILES["deflate"]
PROFILES["quick"] = PROFILES["core"] + PROFILES["limits"] + PROFILES["deflate-quick"]

GOOD = {"OK", "NON-STRICT", "INFORMATIONAL"}
GOOD_CLOSE = {"OK", "INFORMATIONAL"}


# so that "finally" clauses end the processes that were started
signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))


def say(*a):
    print(*a, flush=True)


def sh(cmd, log):
    with open(log, "ab") as f:
        f.write(("$ %s\n" % " ".join(cmd)).encode())
        f.flush()
        if subprocess.call(cmd, stdin=subprocess.DEVNULL, stdout=f, stderr=f):
            raise SystemExit("set-up failed: %s (log: %s)" % (" ".join(cmd), log))


# --- environments ---------------------------------------------------------------------

def find_python27():
    cands = [os.environ.get("WSCONF_PYTHON27")]
    for root in (os.environ.get("PYENV_ROOT"), os.path.expanduser("~/.pyenv")):
        if root:   # the pyenv *shim* only works for the selected version: name the real file
            cands += sorted(glob.glob(root + "/versions/2.7*/bin/python2.7"))
    cands.append(shutil.which("python2.7"))
    for c in cands:
        if c and subprocess.call([c, "-c", "import ssl, zlib, ctypes"], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL) == 0:
            return c
    return None


def find_python3():
    cands = [sys.executable] + sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.1*/bin/python3")))
    for c in cands:
        if subprocess.call([c, "-c", "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            return c
    raise SystemExit("no Python >= 3.10 with venv found")


# prints the ids of all cases as JSON
LIST27 = ("import os, sys, json, autobahntestsuite\n"
          "sys.path.insert(0, os.path.dirname(autobahntestsuite.__file__))\n"
          "from case import Cases\n"
          "print(json.dumps([c.__name__[4:].replace('_', '.') for c in Cases]))")
LISTKO = "import json\nfrom kosoku.cases import CASES\nprint(json.dumps(list(CASES)))"


def ready(env):
    return os.path.exists(os.path.join(env, "cases.json"))


def mark(env, code):
    ids = subprocess.check_output([env + "/bin/python", "-c", code])
    if len(json.loads(ids)) < 500:
        raise SystemExit("unexpected case list in " + env)
    with open(os.path.join(env, "cases.json"), "wb") as f:
        f.write(ids)


def ensure_autobahn():
    env = os.path.join(VENVS, "wstest27")
    if not ready(env):
        py27 = find_python27()
        if not py27:
            return None
        os.makedirs(VENVS, exist_ok=True)
        log, tools = os.path.join(VENVS, "setup.log"), os.path.join(VENVS, "tools")
        say("setting up autobahntestsuite for", py27)
        for d in (env, tools):
            shutil.rmtree(d, ignore_errors=True)
        sh([find_python3(), "-m", "venv", tools], log)
        sh([tools + "/bin/pip", "install", "-q", VIRTUALENV], log)
        sh([tools + "/bin/virtualenv", "-q", "--no-periodic-update", "-p", py27, env], log)
        sh([env + "/bin/pip", "install", "-q", "--no-deps"] + PINS27, log)
        mark(env, LIST27)
    return [env + "/bin/python", "-u", "-c", WSTEST]


def ensure_kosoku():
    env = os.path.join(VENVS, "kosoku")
    if not ready(env):
        os.makedirs(VENVS, exist_ok=True)
        log = os.path.join(VENVS, "setup.log")
        say("setting up", KOSOKU)
        shutil.rmtree(env, ignore_errors=True)
        sh([find_python3(), "-m", "venv", env], log)
        sh([env + "/bin/pip", "install", "-q", KOSOKU], log)
        mark(env, LISTKO)
    return [env + "/bin/python", "-u", "-c", "from kosoku._cli import main; main()"]


def ensure_engine(name):
    """-> (engine name, command prefix)"""
    if name in ("auto", "autobahn"):
        cmd = ensure_autobahn()
        if cmd:
            return "autobahn", cmd
        if name == "autobahn":
            raise SystemExit("no working Python 2.7 found: set WSCONF_PYTHON27 or use --engine kosoku")
    return "kosoku", ensure_kosoku()


# --- processes and sockets ------------------------------------------------------------

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(host, port, proc, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if proc is not None and proc.poll() is not None:
            return False
        try:
            socket.create_connection((host, port), 1).close()
            return True
        except OSError:
            time.sleep(0.1)
    return False


def die_with_parent():
    """Has the kernel end a child when this script is killed and cannot do it itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)   # PR_SET_PDEATHSIG


def start(cmd, log, env=None):
    """Starts cmd in a process group of its own, output to the file log."""
    f = open(log, "ab")
    p = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=f, stderr=f, start_new_session=True,
                         env=dict(os.environ, **(env or {})), preexec_fn=die_with_parent)
    f.close()
    return p


def stop(p, grace=5):
    """Ends the process group that start() made."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        if p.poll() is not None:
            break
        try:
            os.killpg(p.pid, sig)
        except ProcessLookupError:
            break
        try:
            p.wait(grace)
        except subprocess.TimeoutExpired:
            pass


def ws_call(host, port, path, timeout=120):
    """Minimal WebSocket GET: connects, returns the first text message (or None), closes."""
    with socket.create_connection((host, port), timeout) as s:
        f = s.makefile("rb")
        s.sendall(("GET %s HTTP/1.1\r\nHost: %s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n"
                   % (path, host, port, base64.b64encode(os.urandom(16)).decode())).encode())
        status = f.readline()
        if b" 101 " not in status:
            raise OSError("handshake refused: %r" % status)
        while f.readline().strip():
            pass
        text = None
        while True:
            h = f.read(2)
            if len(h) < 2:
                return text
            n = h[1] & 127
            if n == 126:
                n = struct.unpack(">H", f.read(2))[0]
            elif n == 127:
                n = struct.unpack(">Q", f.read(8))[0]
            data = f.read(n)
            if h[0] & 15 == 1:
                text = data.decode()
            elif h[0] & 15 == 8:
                s.sendall(bytes([0x88, 0x80]) + os.urandom(4))
                return text


# --- selection and verdicts -----------------------------------------------------------

def patterns(text):
    out = []
    for w in text.split(","):
        out += PROFILES.get(w.strip(), [w.strip()]) if w.strip() else []
    return out


def select(cmd, groups, exclude):
    """The case ids that the patterns select. Resolved here, since the engines' own patterns are
    prefix matches (there 13.*.1 also takes 13.1.10)."""
    ids = json.load(open(os.path.join(os.path.dirname(os.path.dirname(cmd[0])), "cases.json")))
    inc, exc = patterns(groups), patterns(exclude)
    for pat in inc + exc:
        if not fnmatch.filter(ids, pat):
            raise SystemExit("no case matches " + pat)
    hit = lambda cid, pats: any(fnmatch.fnmatchcase(cid, p) for p in pats)
    return sorted({i for i in ids if hit(i, inc) and not hit(i, exc)}, key=order)


def verdict(r, strict=False):
    """True for a passed case."""
    if strict and "NON-STRICT" in (r["behavior"], r["behaviorClose"]):
        return False
    return r["behavior"] in GOOD and r["behaviorClose"] in GOOD_CLOSE | {"NON-STRICT"}


def order(cid):
    return [int(x) for x in cid.split(".")]


def report(outdir, expected, args, started, extra_failures=()):
    """Reads outdir/index.json, prints the table, the failures and the closing line; -> exit status."""
    path = os.path.join(outdir, "index.json")
    cases = {}
    if os.path.exists(path):
        for agent, rs in json.load(open(path)).items():
            cases.update(rs)
    known = set(patterns(args.known_failures or ""))
    table = collections.defaultdict(collections.Counter)
    secs = collections.Counter()
    failed, tolerated, passed = [], [], 0
    for cid in sorted(set(expected) | set(cases), key=order):
        g = int(cid.split(".")[0])
        r = cases.get(cid)
        b = r["behavior"] if r else "MISSING"
        if r and b in GOOD and not verdict(r):
            b = "CLOSE:" + r["behaviorClose"]
        table[g][b] += 1
        secs[g] += (r or {}).get("duration", 0) / 1000.0
        if r and verdict(r, args.strict):
            passed += 1
        elif cid in known:
            tolerated.append(cid)
        else:
            why = ""
            if r:
                try:
                    d = json.load(open(os.path.join(outdir, r["reportfile"])))
                    why = " / ".join(str(d[k]) for k in ("result", "resultClose", "wasNotCleanReason") if d.get(k))
                except (OSError, ValueError, KeyError):
                    pass
            failed.append((cid, b, r["behaviorClose"] if r else "-", why))
    say("\ngroup  cases  seconds  results")
    for g in sorted(table):
        say("%5d  %5d  %7.1f  %s" % (g, sum(table[g].values()), secs[g],
                                      ", ".join("%s %d" % kv for kv in sorted(table[g].items()))))
    nonstrict = [c for c in sorted(cases, key=order) if cases[c]["behavior"] == "NON-STRICT"]
    if nonstrict:
        say("non-strict:", " ".join(nonstrict))
    if tolerated:
        say("known failures, not counted:", " ".join(tolerated))
    for cid, b, c, why in failed:
        say("FAILED %s: behavior=%s close=%s %s" % (cid, b, c, why[:240]))
    for t in extra_failures:
        say("FAILED", t)
    nfail = len(failed) + len(extra_failures)
    if passed == 0 and nfail == 0:
        say("FAILED no case was run")
        nfail = 1
    say("reports: %s  wall: %.1f s" % (path, time.monotonic() - started))
    json.dump({"passed": passed, "failed": [f[0] for f in failed], "known": tolerated, "nonStrict": nonstrict,
               "groups": {str(g): dict(table[g]) for g in table}},
              open(os.path.join(outdir, "summary.json"), "w"), indent=1)
    say("%d passed, %d failed" % (passed, nfail))
    return 1 if nfail else 0


def add_common(p):
    p.add_argument("--groups", default="all", help="comma list of profiles (%s) and case patterns such as 6.* "
                   "or 12.1.3; default all" % ", ".join(sorted(PROFILES)))
    p.add_argument("--exclude", default="", help="comma list of profiles and case patterns to leave out")
    p.add_argument("--known-failures", default="", help="comma list of exact case ids that may fail")
    p.add_argument("--strict", action="store_true", help="count NON-STRICT as failed")
    p.add_argument("--engine", choices=("auto", "autobahn", "kosoku"), default="auto")
    p.add_argument("--agent", default="testee", help="name in the reports (letters and digits)")
    p.add_argument("--out", help="report directory (emptied first)")
    p.add_argument("--timeout", type=float, default=2400, help="seconds for the whole run; default 2400")
    p.add_argument("--setup-only", action="store_true", help="only make the environments")


def fresh(outdir):
    if os.path.isdir(outdir):
        if os.listdir(outdir) and not (os.path.exists(outdir + "/index.json") or os.path.exists(outdir + "/engine.log")):
            raise SystemExit("%s holds something else than reports" % outdir)
        shutil.rmtree(outdir)
    os.makedirs(outdir)
