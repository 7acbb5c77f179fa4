"""A lifecycle manager: calls the services of a managed node and listens to its transitions."""

from lifecycle_msgs.msg import TransitionEvent
from lifecycle_msgs.srv import ChangeState, GetAvailableStates, GetAvailableTransitions, GetState

from bench import Failure, check, until
from wire import CONTROLLER


def _way(description):
    """A described transition as rclpy's own state machine has it."""
    transition, start, goal = description.transition, description.start_state, description.goal_state
    return transition.id, transition.label, start.id, start.label, goal.id, goal.label


class Manager:
    def __init__(self, wire, name=CONTROLLER):
        self.bench = wire.bench
        self.events = []  # (label, start, goal)
        make = wire.node.create_client
        self._change = make(ChangeState, f"{name}/change_state")
        self._state = make(GetState, f"{name}/get_state")
        self._states = make(GetAvailableStates, f"{name}/get_available_states")
        self._available = make(GetAvailableTransitions, f"{name}/get_available_transitions")
        self._graph = make(GetAvailableTransitions, f"{name}/get_transition_graph")
        wire.node.create_subscription(TransitionEvent, f"{name}/transition_event", self._on_event, 10)

    def _on_event(self, event):
        self.events.append((event.transition.label, event.start_state.label, event.goal_state.label))

    def _call(self, client, request):
        until(client.service_is_ready, f"the service {client.srv_name}", self.bench)
        future = client.call_async(request)
        until(future.done, f"an answer of {client.srv_name}", self.bench)
        if future.result() is None:
            raise Failure(f"{client.srv_name} gave no answer")
        return future.result()

    def try_change(self, label="", number=0):
        request = ChangeState.Request()
        request.transition.label, request.transition.id = label, number
        return self._call(self._change, request).success

    def change(self, label, leads_to):
        check(self.try_change(label), f"{label} did not succeed")
        check(self.state() == leads_to, f"{label} led to {self.state()}, not to {leads_to}")

    def state(self):
        return self._call(self._state, GetState.Request()).current_state.label

    def states(self):
        return [(state.id, state.label) for state in self._call(self._states, GetAvailableStates.Request()).available_states]

    def available(self):
        return [_way(way) for way in self._call(self._available, GetAvailableTransitions.Request()).available_transitions]

    def graph(self):
        return [_way(way) for way in self._call(self._graph, GetAvailableTransitions.Request()).available_transitions]

    def wait_events(self, *labels):
        """Waits until the last transitions told are these, by their labels."""
        until(lambda: [label for label, _, _ in self.events[-len(labels):]] == list(labels), f"the transitions {labels}, told are {self.events}",
              self.bench)
