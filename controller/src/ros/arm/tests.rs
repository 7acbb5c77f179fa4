use super::*;

#[test]
fn a_motion_stands_as_was_said_of_it_and_of_no_other() {
    let shared = Shared::default();
    let status = |token| {
        let (of, status) = *shared.status.lock().unwrap();
        (of == token).then_some(status)
    };
    shared.wanted.store(3 << 1, Ordering::Release);
    assert!(!shared.is_unwanted(3) && shared.is_unwanted(2));
    shared.set(2, MotionStatus::Succeeded);
    assert_eq!(status(2), None, "another has taken its place");
    shared.set(3, MotionStatus::Active);
    assert_eq!(status(3), Some(MotionStatus::Active));
    shared.wanted.fetch_or(1, Ordering::AcqRel);
    assert!(shared.is_unwanted(3), "cancelled");
    shared.set(3, MotionStatus::Failed(ArmFailure::Cancelled));
    assert_eq!(status(3), Some(MotionStatus::Failed(ArmFailure::Cancelled)));
}

/// H10.
#[test]
fn a_loop_that_does_not_tick_any_more_hangs() {
    let mut pulse = Pulse::default();
    assert!((0..20).all(|_| !pulse.hangs(0)), "it has not begun");
    assert!((1..20).all(|ticks| !pulse.hangs(ticks)));
    let looks = (0..10).position(|_| pulse.hangs(19));
    assert_eq!(looks, Some(HANGS as usize - 1));
    assert!(!pulse.hangs(20));
}

#[test]
fn an_end_is_judged_by_its_status() {
    assert_eq!(
        judged(GoalStatus::Succeeded, Some(-5)),
        MotionStatus::Succeeded
    );
    assert_eq!(
        judged(GoalStatus::Canceled, Some(0)),
        MotionStatus::Failed(ArmFailure::Cancelled)
    );
    assert_eq!(
        judged(GoalStatus::Aborted, Some(-4)),
        MotionStatus::Failed(ArmFailure::Tolerance)
    );
    assert_eq!(
        judged(GoalStatus::Aborted, Some(-1)),
        MotionStatus::Failed(ArmFailure::Preempted)
    );
    assert_eq!(
        judged(GoalStatus::Aborted, None),
        MotionStatus::Failed(ArmFailure::Unreachable)
    );
}
