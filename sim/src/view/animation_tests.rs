use super::*;
use crate::testing::small_plan;

fn subject() -> Subject {
    let (plan, cell) = small_plan(3);
    Subject {
        plan: plan.into(),
        cell: cell.into(),
    }
}

fn whole(subject: &Subject) -> Animation<'_> {
    Animation {
        subject,
        layer: 1,
        dots: None,
        frames: 5,
        speed: None,
        from: vec![Viewpoint::Scene],
        size: [64, 64],
    }
}

#[test]
fn dots_are_done_when_the_arm_hovers_over_them_and_not_before() {
    let subject = subject();
    let mut run = Run::new(&whole(&subject), &mut |_| {}).unwrap();
    assert_eq!(run.reached.len(), 9);
    for k in 0..9 {
        let (id, t) = run.reached[k];
        let (done, joints) = run.at(t).unwrap();
        assert_eq!(done, k + 1);
        let pose = subject.plan.dot(id).unwrap().hover_pose(HOVER).unwrap();
        let tip = subject.cell.base_from_tip(&joints);
        let (off, _) = (subject.plan.cell.base_from_head.inverse() * tip).separation(&pose);
        assert!(off < 1e-6, "{off} m");
        if k > 0 {
            assert_eq!(run.at(t - 1e-6).unwrap().0, k);
        }
    }
}

#[test]
fn fewer_dots_end_sooner_and_a_missing_layer_is_told() {
    let subject = subject();
    let run = |dots, layer| {
        let animation = Animation {
            dots,
            layer,
            ..whole(&subject)
        };
        Run::new(&animation, &mut |_| {}).map(|run| run.duration())
    };
    assert!(run(Some(4), 1).unwrap() < run(None, 1).unwrap());
    for (dots, layer) in [(None, 0), (None, 9), (Some(0), 1)] {
        assert!(matches!(run(dots, layer), Err(ViewError::NoDots { .. })));
    }
}

#[test]
fn what_is_broken_off_leaves_nothing_and_what_is_there_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let frame = || RgbImage::new(8, 8);
    for name in ["a.gif", "frames"] {
        let mut sink = Sink::open(&folder.path().join(name)).unwrap();
        sink.push(frame()).unwrap();
        drop(sink);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    let to = folder.path().join("frames");
    let mut sink = Sink::open(&to).unwrap();
    sink.push(frame()).unwrap();
    sink.finish().unwrap();
    assert!(to.join("frame-0001.png").exists());
    assert!(matches!(Sink::open(&to), Err(ViewError::Write { .. })));
    let gif = folder.path().join("a.gif");
    let mut sink = Sink::open(&gif).unwrap();
    sink.push(frame()).unwrap();
    sink.finish().unwrap();
    assert!(std::fs::read(gif).unwrap().starts_with(b"GIF89a"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn what_cannot_be_shown_or_written_is_told_in_one_line_before_anything_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("taken/x")).unwrap();
    std::fs::create_dir(at("folder.gif")).unwrap();
    std::fs::write(at("file"), "").unwrap();
    let subject = subject();
    let nothing = Animation {
        dots: Some(0),
        ..whole(&subject)
    };
    let mut drawn = 0;
    let mut tell = |progress| drawn += usize::from(matches!(progress, Progress::Drawn { .. }));
    for (to, told) in [
        ("gone/a.gif", "gone/a.gif"),
        ("gone/frames", "gone/frames"),
        ("file/a.gif", "file/a.gif"),
        ("file", "file"),
        ("taken", "not empty"),
        ("folder.gif", "is a folder"),
        ("..", "not a name"),
    ] {
        let error = animate(&whole(&subject), &at(to), &mut tell).unwrap_err();
        assert!(matches!(error, ViewError::Write { .. }), "{to}: {error}");
        let error = error.to_string();
        assert!(error.contains(told) && !error.contains('\n'), "{error}");
    }
    // No dots, and a plan whose dots are all skipped.
    let mut empty = (*subject.plan).clone();
    empty.sequence = vec![Vec::new(); empty.sequence.len()];
    let empty = Subject {
        plan: empty.into(),
        cell: subject.cell.clone(),
    };
    for none in [nothing, whole(&empty)] {
        let error = animate(&none, &at("none.gif"), &mut tell).unwrap_err();
        assert!(matches!(error, ViewError::NoDots { layer: 1 }), "{error}");
        assert!(!error.to_string().contains('\n'));
    }
    let left = std::fs::read_dir(folder.path()).unwrap();
    assert_eq!((left.count(), drawn), (3, 0));
}

#[test]
fn a_file_that_is_no_plan_is_told_in_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let junk = folder.path().join("junk.plan");
    std::fs::write(&junk, "no plan").unwrap();
    for file in [
        junk,
        folder.path().join("missing.plan"),
        folder.path().into(),
    ] {
        let Err(error) = Subject::read(&file) else {
            panic!("{} was read", file.display());
        };
        let error = error.to_string();
        assert!(error.contains(&file.display().to_string()), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn captions_count_minutes_and_never_run_ahead() {
    assert_eq!(
        caption(125.07, 3, 9),
        "arm in motion for 2:05.0   3 of 9 dots"
    );
    assert_eq!(
        caption(59.99, 3, 9),
        "arm in motion for 0:59.9   3 of 9 dots"
    );
}
