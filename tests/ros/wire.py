"""What these tests see and do over ROS 2, independent of our Rust code: a Watcher that listens to everything on the wire and
judges it, and an Operator who calls the controller's services.
"""

import bisect
import collections
import os
import sqlite3
import threading
import time

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from stipple_msgs.msg import DotResult, NeedleCommand, NeedleState, SessionState
from stipple_msgs.srv import LoadPlan, Pause, Register, Resume, Start

from bench import Failure, check, until

CONTROLLER = "stipple_controller"

# Metres: beyond this the needle counts as out of the nose cone.
OUT = 1e-4
# Radians per second and radians: what a standing arm's joints may show, measuring noise included.
STILL_SPEED = 0.01
STILL_DRIFT = 5e-4
# Seconds: a needle sample is judged by joint samples no further away than this. So long an arm rests at least before the needle comes out
# and after it is in: what is further away may rightly move.
NEAR = 0.01
# Of these samples at most this share may have none near: this program loses messages where the machine is loaded.
ALONE = 0.1
# Samples that cannot be judged because a message was lost on the way to this program: at most this share.
UNJUDGED = 0.02
# Strikes whose commands may all be lost so.
LOST = 2
# Seconds by which this program may lag behind what is sent.
LATEST = 20.0
# Hertz: below this the watcher has not seen enough to say anything.
ENOUGH = 100.0
# Faults that say the machine or its disk stood still for a while, as shared ones do: the controller is right to stop, and what a
# test then does is what an operator does. Everything else that faults fails the test.
STALLS = {"tick_gap", "joints_stale", "needle_silent", "head_lost", "intent_late"}
# So many of them in one test are no longer the machine's.
MOST_STALLS = 12


def _qos(depth, reliable=False, latched=False):
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=depth,
        reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )


# Where the operator's heartbeat goes, and how.
LEASE_TOPIC = "operator/lease"
LATCHED = _qos(1, reliable=True, latched=True)
# Seconds from heartbeat to heartbeat.
HEARTBEAT = 0.1


def _seconds(stamp):
    return stamp.sec + stamp.nanosec * 1e-9


class Wire:
    """One ROS 2 node for watcher and operator, spun on a thread of its own."""

    def __init__(self, bench, *ros_arguments):
        # Ctrl-C is ours: the bench takes its processes down.
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        self.bench = bench
        self.node = Node("stipple_test", cli_args=["--ros-args", *ros_arguments] if ros_arguments else None)
        self.watcher = Watcher(self.node)
        self.operator = Operator(self.node, bench, self.watcher)
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._closing = False
        self._thread = threading.Thread(target=self._spin, daemon=True)

    def _spin(self):
        try:
            self._executor.spin()
        except Exception:
            # On the way out context and handles may go while the executor still waits.
            if not self._closing:
                raise

    def __enter__(self):
        """Returns once everything there is to hear is heard, so that nothing of the session is missed."""
        self._thread.start()
        watcher = self.watcher
        until(lambda: watcher.joints and watcher.needle and watcher.state, "joint_states, needle/state and session_state", self.bench)
        for topic in ("needle/command", "dot_results"):
            until(lambda: self.node.count_publishers(topic) > 0, f"a publisher of {topic}", self.bench)
        # Known is not yet connected.
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self._closing = True
        self.operator.close()
        self._executor.shutdown()
        rclpy.try_shutdown()
        self._thread.join(5.0)


class Watcher:
    """Records what goes over the wire; `judge` says what of it must not have been."""

    def __init__(self, node):
        self.joints = []  # (seconds, names, positions in rad, speeds in rad/s)
        self.needle = []  # (seconds, extension in m, permit, strikes)
        self.permits = {}  # permit → dot, from the commands
        self.results = []  # DotResult
        self.state = None  # the last SessionState
        self.states = []  # the states' names as they came, without repeats
        node.create_subscription(JointState, "joint_states", self._on_joints, _qos(200))
        node.create_subscription(NeedleState, "needle/state", self._on_needle, _qos(200))
        node.create_subscription(NeedleCommand, "needle/command", self._on_command, _qos(200))
        node.create_subscription(SessionState, "session_state", self._on_state, _qos(1, reliable=True, latched=True))
        node.create_subscription(DotResult, "dot_results", self.results.append, _qos(100, reliable=True))

    def _on_joints(self, message):
        self.joints.append((_seconds(message.header.stamp), message.name, message.position, message.velocity))

    def _on_needle(self, message):
        self.needle.append((_seconds(message.header.stamp), message.extension, message.permit, message.strikes))

    def _on_command(self, message):
        if message.action == NeedleCommand.EXTEND:
            self.permits[message.permit] = message.dot

    def _on_state(self, message):
        self.state = message
        if not self.states or self.states[-1] != message.state_name:
            self.states.append(message.state_name)

    def in_state(self, *states):
        return self.state is not None and self.state.state in states

    def outcomes(self, outcome):
        return [result.dot for result in list(self.results) if result.outcome == outcome]

    def placed(self):
        return self.outcomes(DotResult.PLACED)

    def needle_in(self):
        """By the last report, is the needle inside the nose cone?"""
        return bool(self.needle) and self.needle[-1][1] <= OUT

    def up_to_date(self):
        """Are the last reports of needle and joints as late as the last state? States come by another queue, which is shorter."""
        told = _seconds(self.state.header.stamp)
        return all(heard and heard[-1][0] >= told for heard in (self.needle, self.joints))

    def arm_still(self):
        """By the last report, do the joints stand?"""
        return bool(self.joints) and all(abs(speed) <= STILL_SPEED for speed in self.joints[-1][3])

    def arm_still_for(self, seconds):
        """Do the joints stand in every report of the last `seconds`?"""
        last = self.joints[-1][0] if self.joints else 0.0
        window = []
        for sample in reversed(self.joints):
            window.append(sample)
            if last - sample[0] >= seconds:
                return len(window) > ENOUGH * seconds / 2 and all(abs(speed) <= STILL_SPEED for _, _, _, speeds in window for speed in speeds)
        return False

    def at_rest_for(self, seconds):
        """Watches for `seconds`, and fails if the needle comes out, a joint moves or a dot is struck meanwhile."""
        needle, joints = len(self.needle), len(self.joints)
        # By their stamps: on a loaded machine what is heard now may have been sent before.
        begin = time.time()
        time.sleep(seconds)
        # There what was sent meanwhile may be heard later, too.
        deadline = time.monotonic() + LATEST
        while time.monotonic() < deadline and any(not heard or heard[-1][0] < begin + 0.9 * seconds for heard in (self.needle, self.joints)):
            time.sleep(0.02)
        reports = [report for report in self.needle[needle:] if report[0] >= begin]
        samples = [sample for sample in self.joints[joints:] if sample[0] >= begin]
        check(len(reports) > ENOUGH * seconds / 2, f"only {len(reports)} needle reports in {seconds} s")
        check(len(samples) > ENOUGH * seconds / 2, f"only {len(samples)} joint states in {seconds} s")
        out = max(extension for _, extension, _, _ in reports)
        check(out <= OUT, f"the needle came out by {out * 1e3:.2f} mm where nothing may move")
        first = samples[0][2]
        drift = max(abs(a - b) for sample in samples for a, b in zip(sample[2], first))
        check(drift <= STILL_DRIFT, f"a joint moved by {drift:.5f} rad where nothing may move")
        # By the device: what was struck before may be told later, when the disk is slow.
        check(reports[-1][3] == reports[0][3], "a dot was struck where nothing may move")

    def _check_rates(self):
        for name, samples in (("joint_states", self.joints), ("needle/state", self.needle)):
            check(len(samples) > 2, f"nothing came on {name}")
            span = samples[-1][0] - samples[0][0]
            check(span > 0 and len(samples) / span > ENOUGH, f"{name}: {len(samples)} messages in {span:.1f} s are too few to judge")

    def _check_arm_stands(self):
        """Whenever the needle is out, the joints stand. Returns how many samples with the needle out were judged."""
        joints = sorted(self.joints, key=lambda sample: sample[0])
        stamps = [sample[0] for sample in joints]
        judged, unjudged, before, reference = 0, 0, None, None
        for when, extension, permit, _ in sorted(self.needle):
            if extension <= OUT:
                reference = None
                continue
            check(permit != 0, f"the needle is out by {extension * 1e3:.2f} mm without a permit")
            after = bisect.bisect_left(stamps, when)
            near = [joints[i] for i in (after - 1, after) if 0 <= i < len(joints) and abs(stamps[i] - when) <= NEAR]
            if not near:
                unjudged += 1
                continue
            judged += 1
            if reference is None or permit != before:
                reference = near[0]
            before = permit
            for _, names, positions, speeds in near:
                for name, position, speed, start in zip(names, positions, speeds, reference[2]):
                    check(abs(speed) <= STILL_SPEED,
                          f"{name} moves at {speed:.4f} rad/s with the needle out by {extension * 1e3:.2f} mm (permit {permit})")
                    check(abs(position - start) <= STILL_DRIFT,
                          f"{name} moved by {position - start:.5f} rad while the needle was out (permit {permit})")
        check(judged > 0, "the needle was never seen out")
        check(unjudged <= ALONE * judged, f"{unjudged} of {judged + unjudged} samples with the needle out had no joint state near")
        return judged

    def _check_once(self):
        """No dot is struck twice, as the needle device saw it and as the controller told it."""
        for dot, times in collections.Counter(self.placed()).items():
            check(times == 1, f"dot {dot} was told placed {times} times")
        for dot, times in collections.Counter(result.dot for result in self.results).items():
            check(times == 1, f"dot {dot} has {times} results")
        out = {permit for _, extension, permit, _ in self.needle if extension > OUT}
        strikes = collections.defaultdict(set)
        for permit in out & self.permits.keys():
            strikes[self.permits[permit]].add(permit)
        for dot, permits in strikes.items():
            check(len(permits) == 1, f"dot {dot} was struck {len(permits)} times, with the permits {sorted(permits)}")
        unknown = out - self.permits.keys()
        check(len(unknown) <= max(LOST, UNJUDGED * len(out)), f"the needle went out on {len(unknown)} permits that no command named")
        counted = self.needle[-1][3] - self.needle[0][3]
        check(counted <= len(out) + UNJUDGED * len(out), f"the device counted {counted} strikes, {len(out)} were on the wire")
        # A permit whose command was lost may stand for one dot, not for any number of them.
        unseen = [dot for dot in self.placed() if dot not in strikes]
        check(len(unseen) <= len(unknown), f"the dots {unseen} are told placed, but the needle was never seen out for them "
                                           f"({len(unknown)} strikes without a known dot)")
        return strikes

    def judge(self, record, session_id, patch):
        """Judges everything seen since the start against the invariants, the record, and the dots of `patch`. Returns a sentence."""
        self._check_rates()
        judged = self._check_arm_stands()
        strikes = self._check_once()
        rows = read_record(record, session_id)
        check(rows.keys() == patch, f"dots of the patch that are not in the record: {sorted(patch - rows.keys())}; "
                                    f"dots in the record that are not of the patch: {sorted(rows.keys() - patch)}")
        unfinished = {dot: state for dot, state in rows.items() if state not in ("placed", "skipped", "in_doubt")}
        check(not unfinished, f"the record has dots without an outcome: {unfinished}")
        for result in self.results:
            outcome = {DotResult.PLACED: "placed", DotResult.SKIPPED: "skipped", DotResult.IN_DOUBT: "in_doubt"}[result.outcome]
            check(rows.get(result.dot) == outcome, f"dot {result.dot} was told {outcome}, the record says {rows.get(result.dot)}")
        for dot in strikes:
            check(rows.get(dot) in ("placed", "in_doubt"), f"dot {dot} was struck, the record says {rows.get(dot)}")
        counts = collections.Counter(rows.values())
        return (f"{counts['placed']} placed, {counts['skipped']} skipped, {counts['in_doubt']} in doubt of {len(patch)}; "
                f"{judged} samples with the needle out, {len(self.joints)} joint states")


def read_record(path, session_id):
    """The record's dots as an outsider reads them: dot → state, for one session."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        rows = connection.execute("SELECT dot, state FROM dots WHERE session_id = ?", (session_id,)).fetchall()
    states = {}
    for dot, state in rows:
        check(dot not in states, f"dot {dot} stands twice in the record")
        states[dot] = state
    return states


def read_events(path, kind):
    """The record's events of one kind, each its detail, oldest first."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        return [detail for (detail,) in connection.execute("SELECT detail FROM events WHERE kind = ? ORDER BY id", (kind,))]


class Operator:
    """The person at the desk: holds the lease by a heartbeat, calls the controller's services and waits for what they promise."""

    def __init__(self, node, bench, watcher):
        self.bench = bench
        self.watcher = watcher
        self.job = None
        self.stalls = []
        self.reason = ""
        self.name = f"test-{os.getpid()}"
        self._heartbeat = node.create_publisher(String, LEASE_TOPIC, LATCHED)
        self._present, self._closed = threading.Event(), threading.Event()
        self._present.set()
        # Beside the executor, which has thousands of messages a second to hand out.
        self._beating = threading.Thread(target=self._beat, daemon=True)
        self._beating.start()
        self._load = node.create_client(LoadPlan, f"{CONTROLLER}/load_plan")
        self._start = node.create_client(Start, f"{CONTROLLER}/start")
        self._triggers = {name: node.create_client(Trigger, f"{CONTROLLER}/{name}") for name in ("stop", "clear_fault")}
        self._pause = node.create_client(Pause, f"{CONTROLLER}/pause")
        self._register = node.create_client(Register, f"{CONTROLLER}/register")
        self._resume = node.create_client(Resume, f"{CONTROLLER}/resume")

    def _beat(self):
        while not self._closed.wait(HEARTBEAT):
            if self._present.is_set():
                self._heartbeat.publish(String(data=self.name))

    def leave(self):
        """No heartbeat from now on."""
        self._present.clear()

    def come_back(self):
        self._present.set()

    def close(self):
        self._closed.set()
        self._beating.join(5.0)

    def _call(self, client, request):
        until(client.service_is_ready, f"the service {client.srv_name}", self.bench)
        future = client.call_async(request)
        until(future.done, f"an answer of {client.srv_name}", self.bench)
        answer = future.result()
        if answer is None:
            raise Failure(f"{client.srv_name} gave no answer")
        return answer

    def try_load(self, plan, record):
        return self._call(self._load, LoadPlan.Request(path=str(plan), record=str(record)))

    def load(self, plan, record):
        answer = self.try_load(plan, record)
        check(answer.accepted, f"load_plan refused: {answer.message}")
        return answer

    def try_start(self, dots, layer=1, asked_by=None):
        asked_by = self.name if asked_by is None else asked_by
        return self._call(self._start, Start.Request(asked_by=asked_by, layer=layer, limited=True, max_dots=dots))

    def start(self, dots, layer=1):
        """Starts, once the controller is ready: after a load it may first want to see fresh joints and a fresh head pose."""
        answer = None

        def accepted():
            nonlocal answer
            answer = self.try_start(dots, layer)
            if not answer.accepted:
                if "register" in answer.message:
                    self.register()
                time.sleep(0.3)
            return answer.accepted

        try:
            until(accepted, "start to be accepted", self.bench)
        except Failure as failure:
            raise Failure(f"{failure}; the last answer was: {answer.message if answer else None}") from None

    def pause(self, reason=""):
        return self._call(self._pause, Pause.Request(asked_by=self.name, reason=reason))

    def resume(self, operator=None):
        return self._call(self._resume, Resume.Request(asked_by=self.name if operator is None else operator))

    def register(self):
        return self._call(self._register, Register.Request())

    def trigger(self, name):
        """Any command without arguments; `success` and `message` of its answer."""
        if name in self._triggers:
            return self._call(self._triggers[name], Trigger.Request())
        answer = self.pause(self.reason) if name == "pause" else self.resume()
        return Trigger.Response(success=answer.accepted, message=answer.message)

    def command(self, name):
        answer = self.trigger(name)
        check(answer.success, f"{name} refused: {answer.message}")

    def wait_state(self, *states, patience=60.0):
        names = [key for key, value in vars(SessionState).items() if value in states and key.isupper()]
        until(lambda: self.watcher.in_state(*states), f"session state {names}, it is {getattr(self.watcher.state, 'state_name', None)}",
              self.bench, patience)

    def begin(self, plan, record, dots, layer=1):
        """Loads and starts, and remembers what to go on with after a stall. Returns what loading answered."""
        self.job = (plan, record, dots, layer)
        loaded = self.load(plan, record)
        self.start(dots - loaded.already_done, layer)
        return loaded

    def carry_on(self):
        """If the machine stood still and the session stopped for it: holds that it stopped safely, clears the fault and starts what
        is left. Returns whether that was so. Fails on any other fault."""
        state = self.watcher.state
        if state is None or state.state != SessionState.FAULTED:
            return False
        check(state.fault in STALLS, f"the session faulted: {state.fault}: {state.message}")
        self.stalls.append(state.fault)
        check(len(self.stalls) <= MOST_STALLS, f"the session faulted {len(self.stalls)} times: {self.stalls}")
        until(self.watcher.needle_in, "the needle to go in after a fault", self.bench)
        until(lambda: self.watcher.arm_still_for(0.3), "the arm to stand after a fault", self.bench)
        self.watcher.at_rest_for(0.5)
        until(lambda: self.trigger("clear_fault").success, "clear_fault to be accepted", self.bench)
        self.wait_state(SessionState.SAFE, SessionState.READY)
        plan, record, dots, layer = self.job
        left = dots - self.load(plan, record).already_done
        if left:
            self.start(left, layer)
        return True

    def all_done(self):
        """Whether every dot of the job has its result, and the session says that it is finished or was ended by a stall."""
        state = self.watcher.state
        told = len({result.dot for result in list(self.watcher.results)}) >= self.job[2]
        return state is not None and (state.finished or (told and bool(self.stalls) and not state.remaining))

    def command_until(self, name, *states):
        """Gives a command and waits for the states it leads to; again, where a stall came between."""
        while True:
            self.carry_on()
            answer = self.trigger(name)
            until(lambda: self.watcher.in_state(*states, SessionState.FAULTED) or not answer.success, f"{name} to take effect", self.bench)
            if self.watcher.in_state(*states):
                return
            if not self.carry_on():
                check(answer.success, f"{name} refused: {answer.message}")

    def wait_placed(self, count, patience=60.0):
        def enough():
            self.carry_on()
            return len(self.watcher.placed()) >= count

        until(enough, f"{count} dots placed", self.bench, patience)

    def wait_finished(self, patience):
        def finished():
            self.carry_on()
            return self.all_done()

        until(finished, "the session to finish", self.bench, patience)

    def told_stalls(self):
        """For the line that a test prints: silent where there was nothing."""
        return f"; went on after {len(self.stalls)} stalls of the machine ({', '.join(self.stalls)})" if self.stalls else ""
