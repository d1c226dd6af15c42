use super::*;
use crate::model::{Actor, Body, Colour};

fn at(x: f32, y: f32) -> Pointer {
    Pointer { at: [x, y], pixel: 1.0, ..Pointer::default() }
}

/// Lets the pointer do things, and the board follow.
struct Person {
    desk: Desk,
    board: Board,
    said: Vec<Live>,
    written: Vec<Effect>,
}

impl Person {
    fn with(tool: Tool) -> Self {
        let mut desk = Desk::default();
        desk.take(tool);
        Self { desk, board: Board::new(Actor(1)), said: Vec::new(), written: Vec::new() }
    }

    fn does(&mut self, event: Event, pointer: Pointer) {
        for effect in self.desk.handle(event, pointer, &self.board) {
            match effect {
                Effect::Commit(edits) => drop(self.board.commit(edits).unwrap()),
                Effect::Say(live) => self.said.push(live),
                other => self.written.push(other),
            }
        }
    }

    fn drags(&mut self, from: Pointer, to: Pointer) {
        self.does(Event::Down, from);
        for step in 1..10 {
            let share = step as f32 / 10.0;
            let place = [0, 1].map(|axis| from.at[axis] + (to.at[axis] - from.at[axis]) * share);
            self.does(Event::Move, Pointer { at: place, ..to });
        }
        self.does(Event::Up, to);
    }

    fn only(&self) -> Shape {
        assert_eq!(self.board.len(), 1);
        Shape::clone(self.board.shapes().next().unwrap())
    }
}

#[test]
fn a_pen_draws_one_stroke_and_tells_of_it_on_the_way() {
    let mut ana = Person::with(Tool::Pen);
    ana.does(Event::Down, at(10.0, 10.0));
    ana.does(Event::Move, at(20.0, 15.0));
    ana.does(Event::Move, at(40.0, 30.0));
    assert!(ana.board.is_empty() && ana.desk.preview(&ana.board).len() == 1);
    ana.does(Event::Up, at(60.0, 20.0));
    let stroke = ana.only();
    assert_eq!((stroke.kind, stroke.at), (Kind::Stroke, [10.0, 10.0]));
    let points: usize =
        ana.said.iter().map(|l| if let Live::Pen { points, .. } = l { points.len() } else { 0 }).sum();
    assert_eq!((points, ana.said.last()), (4, Some(&Live::Done(1))));
    ana.board.undo();
    assert!(ana.board.is_empty(), "one step back");
}

#[test]
fn a_pen_that_tells_pressures_draws_with_them_though_it_tells_none_when_it_is_lifted() {
    let mut ana = Person::with(Tool::Pen);
    let pressed = |x, pressure| Pointer { pressure: Some(pressure), ..at(x, 0.0) };
    ana.does(Event::Down, pressed(0.0, 0.2));
    ana.does(Event::Move, pressed(10.0, 0.8));
    ana.does(Event::Move, at(20.0, 0.0));
    ana.does(Event::Up, at(20.0, 0.0));
    let Some(Body::Points(points)) = ana.only().body else { panic!("a stroke has points") };
    let pressures: Vec<f32> = points.samples().iter().map(|s| (s.pressure * 10.0).round() / 10.0).collect();
    assert_eq!((points.has_pressure(), pressures), (true, vec![0.2, 0.8, 0.8]));
}

#[test]
fn what_is_cancelled_was_never_drawn() {
    for tool in [Tool::Pen, Tool::Rectangle, Tool::Eraser, Tool::Select] {
        let mut ana = Person::with(tool);
        ana.does(Event::Down, at(0.0, 0.0));
        ana.does(Event::Move, at(50.0, 50.0));
        ana.does(Event::Cancel, at(50.0, 50.0));
        assert!(ana.board.is_empty() && !ana.desk.is_busy());
    }
}

#[test]
fn shapes_grow_from_corner_to_corner_and_keep_proportions_with_shift() {
    let mut ana = Person::with(Tool::Rectangle);
    ana.drags(at(100.0, 100.0), at(40.0, 160.0));
    assert_eq!((ana.only().at, ana.only().size), ([40.0, 100.0], [60.0, 60.0]));
    let mut ben = Person::with(Tool::Ellipse);
    ben.drags(at(0.0, 0.0), Pointer { shift: true, ..at(50.0, 20.0) });
    assert_eq!(ben.only().size, [50.0, 50.0]);
    let mut cleo = Person::with(Tool::Arrow);
    cleo.drags(at(0.0, 0.0), Pointer { shift: true, ..at(50.0, 3.0) });
    assert!(cleo.only().size[1] < 0.1, "a level arrow");
    let mut dan = Person::with(Tool::Rectangle);
    dan.drags(at(5.0, 5.0), at(6.0, 5.0));
    assert!(dan.board.is_empty(), "a click makes no shape");
}

#[test]
fn objects_are_chosen_moved_stretched_and_turned() {
    let mut ana = Person::with(Tool::Rectangle);
    ana.desk.style.fill = Colour::INK;
    ana.desk.style.width = 0.0;
    ana.drags(at(0.0, 0.0), at(100.0, 50.0));
    ana.desk.take(Tool::Select);
    ana.drags(at(50.0, 25.0), at(80.0, 35.0));
    assert_eq!((ana.only().at, ana.desk.chosen().len()), ([30.0, 10.0], 1));
    // The lower right handle is a few pixels outside.
    ana.drags(at(135.0, 65.0), at(235.0, 115.0));
    assert_eq!((ana.only().at, ana.only().size), ([30.0, 10.0], [200.0, 100.0]));
    ana.drags(at(130.0, -21.0), Pointer { shift: true, ..at(300.0, 60.0) });
    assert!((ana.only().angle - std::f32::consts::FRAC_PI_2).abs() < 0.01);
    (0..3).for_each(|_| assert!(ana.board.undo()));
    assert_eq!(ana.only().at, [0.0, 0.0]);
}

#[test]
fn a_frame_chooses_what_lies_in_it_and_groups_stay_together() {
    let mut ana = Person::with(Tool::Rectangle);
    ana.drags(at(0.0, 0.0), at(20.0, 20.0));
    ana.drags(at(100.0, 0.0), at(120.0, 20.0));
    let ids: Vec<ObjectId> = ana.board.shapes().map(|s| s.id).collect();
    ana.desk.take(Tool::Select);
    ana.drags(at(-10.0, -10.0), at(40.0, 40.0));
    assert_eq!(ana.desk.chosen().iter().collect::<Vec<_>>(), [&ids[0]]);
    ana.board.group(&ids).unwrap();
    ana.drags(at(-10.0, -40.0), at(40.0, 40.0));
    assert_eq!(ana.desk.chosen().len(), 2);
    ana.does(Event::Down, at(500.0, 500.0));
    ana.does(Event::Up, at(500.0, 500.0));
    assert!(ana.desk.chosen().is_empty());
}

#[test]
fn the_eraser_takes_what_it_touches_in_one_step_and_leaves_what_is_locked() {
    let mut ana = Person::with(Tool::Line);
    for y in [0.0, 20.0, 40.0] {
        ana.drags(at(0.0, y), at(100.0, y));
    }
    let last = ana.board.shapes().next_back().unwrap().id;
    ana.board.lock(&[last], true).unwrap();
    ana.desk.take(Tool::Eraser);
    ana.drags(at(50.0, -10.0), at(50.0, 60.0));
    assert_eq!(ana.board.len(), 1);
    ana.board.undo();
    assert_eq!(ana.board.len(), 3);
}

#[test]
fn text_and_notes_ask_for_words() {
    let mut ana = Person::with(Tool::Text);
    ana.does(Event::Down, at(5.0, 5.0));
    ana.desk.take(Tool::Note);
    ana.does(Event::Down, at(200.0, 200.0));
    ana.does(Event::Up, at(200.0, 200.0));
    let kinds: Vec<Kind> = ana
        .written
        .iter()
        .map(|e| if let Effect::Write(shape) = e { shape.kind } else { Kind::Line })
        .collect();
    assert_eq!(kinds, [Kind::Text, Kind::Note]);
    assert!(ana.board.is_empty());
}

#[test]
fn a_slow_hand_leaves_few_points() {
    let mut ana = Person::with(Tool::Pen);
    ana.does(Event::Down, at(0.0, 0.0));
    (1..400).for_each(|i| ana.does(Event::Move, at(i as f32 * 0.5, 0.0)));
    ana.does(Event::Up, at(200.0, 0.0));
    let Some(Body::Points(points)) = ana.only().body else { panic!("no points") };
    assert!((15..40).contains(&points.samples().len()), "{} points", points.samples().len());
}

#[test]
fn a_lasso_takes_what_lies_within_it_and_moves_it() {
    let mut ana = Person::with(Tool::Line);
    for y in [0.0, 20.0, 200.0] {
        ana.drags(at(0.0, y), at(100.0, y));
    }
    ana.desk.take(Tool::Lasso);
    ana.does(Event::Down, at(-10.0, -10.0));
    for place in [at(110.0, -20.0), at(120.0, 50.0), at(50.0, 90.0), at(-20.0, 40.0)] {
        ana.does(Event::Move, place);
    }
    assert!(ana.desk.lasso().len() > 3);
    ana.does(Event::Up, at(-20.0, 0.0));
    assert_eq!(ana.desk.chosen().len(), 2);
    ana.drags(at(20.0, 20.0), at(20.0, 60.0));
    let mut tops: Vec<f32> = ana.board.shapes().map(|shape| shape.at[1]).collect();
    tops.sort_by(f32::total_cmp);
    assert_eq!(tops, [40.0, 60.0, 200.0]);
}

#[test]
fn a_rubber_leaves_the_parts_that_it_did_not_touch() {
    let mut ana = Person::with(Tool::Line);
    ana.desk.style.ink = Colour::rgb(9, 9, 9);
    ana.drags(at(0.0, 0.0), at(100.0, 0.0));
    ana.desk.take(Tool::Rectangle);
    ana.drags(at(40.0, -50.0), at(60.0, 50.0));
    ana.desk.take(Tool::Rubber);
    ana.does(Event::Down, at(50.0, -30.0));
    ana.does(Event::Move, at(50.0, 30.0));
    assert_eq!((ana.desk.hidden(&ana.board).len(), ana.desk.preview(&ana.board).len()), (1, 2));
    ana.does(Event::Up, at(50.0, 30.0));
    let kinds: Vec<Kind> = ana.board.shapes().map(|shape| shape.kind).collect();
    assert_eq!(kinds, [Kind::Line, Kind::Line, Kind::Rectangle], "below the rectangle, as before");
    let (left, right) = (ana.board.shapes().next().unwrap(), ana.board.shapes().nth(1).unwrap());
    let reach = RUBBER + left.style.width / 2.0;
    let ends = [left.at[0] + left.size[0], right.at[0], right.at[0] + right.size[0]];
    for (end, wanted) in ends.into_iter().zip([50.0 - reach, 50.0 + reach, 100.0]) {
        assert!((end - wanted).abs() < reach / 3.0, "{ends:?}");
    }
    assert_eq!(left.style.ink, Colour::rgb(9, 9, 9));
    let Some(Body::Points(points)) = &left.body else { panic!("no points") };
    assert_eq!(points.samples().len(), 2, "a straight piece is two points");
    ana.board.undo();
    assert_eq!(ana.board.len(), 2);
    // All of it: nothing is left.
    ana.does(Event::Down, at(-20.0, 0.0));
    ana.does(Event::Up, at(120.0, 0.0));
    assert_eq!(ana.only().kind, Kind::Rectangle);
}

#[test]
fn corners_lie_on_the_grid() {
    let mut ana = Person::with(Tool::Rectangle);
    ana.desk.grid = Some(20.0);
    ana.desk.style.fill = Colour::INK;
    ana.drags(at(3.0, 8.0), at(58.0, 49.0));
    assert_eq!((ana.only().at, ana.only().size), ([0.0, 0.0], [60.0, 40.0]));
    ana.desk.take(Tool::Select);
    ana.drags(at(20.0, 20.0), at(33.0, 24.0));
    assert_eq!(ana.only().at, [20.0, 0.0]);
    ana.desk.take(Tool::Pen);
    ana.drags(at(303.0, 8.0), at(358.0, 49.0));
    assert_eq!(ana.board.shapes().next_back().unwrap().at, [303.0, 8.0], "hands are free");
}

#[test]
fn a_side_that_is_pulled_lies_on_the_grid_wherever_its_handle_was_taken() {
    let mut ana = Person::with(Tool::Rectangle);
    ana.desk.style.width = 6.0;
    ana.drags(at(20.0, 20.0), at(120.0, 60.0));
    ana.desk.take(Tool::Select);
    ana.drags(at(20.0, 40.0), at(20.0, 40.0));
    ana.desk.grid = Some(20.0);
    let handle = [120.0 + GAP, 60.0 + GAP];
    ana.drags(at(handle[0] + 2.0, handle[1] - 1.0), at(handle[0] + 37.0, handle[1] + 24.0));
    assert_eq!((ana.only().at, ana.only().size), ([20.0, 20.0], [140.0, 60.0]));
}

#[test]
fn a_level_line_is_stretched_along_and_by_no_more_than_it_is_pulled() {
    let mut ana = Person::with(Tool::Line);
    ana.drags(at(0.0, 50.0), at(100.0, 50.0));
    ana.desk.take(Tool::Select);
    ana.drags(at(30.0, 50.0), at(30.0, 50.0));
    let handle = at(100.0 + GAP, 50.0 + GAP);
    ana.drags(handle, at(150.0 + GAP, 90.0 + GAP));
    let line = ana.only();
    assert_eq!((line.at, line.size), ([0.0, 50.0], [150.0, 0.0]));
}
