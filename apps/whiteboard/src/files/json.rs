//! A board as JSON: `{"format": "chalktalk-board", "version": 1, "objects": […]}`, the objects from the back to the front.
//!
//! Every property is written under its name; those that are as in a new object are left out. Points are `[x, y]` or `[x, y, pressure]`,
//! outlines are SVG path data; both relative to the object's box. Ids tell objects apart and are not kept when a file is read.
//!
//! Invariant: the same board gives the same text.

use super::{Drawing, MAX_OBJECTS, OBJECTS, ReadError, sound};
use crate::{
    model::{
        Align, Board, Body, Colour, Dash, Font, Head, Heads, ImageRef, Kind, Outline, Points, Shape, Verb,
    },
    progress::{Progress, Stopped},
};
use serde_json::{Map, Value, json};

/// Writes a board.
///
/// # Errors
/// Nobody wants it any more.
pub fn to_json(board: &Board, progress: &Progress) -> Result<String, Stopped> {
    progress.begin("Objects written", board.len())?;
    let written = board.shapes().map(|shape| progress.step(1).map(|()| object(shape).to_string()));
    Ok(file(&written.collect::<Result<Vec<_>, _>>()?))
}

/// Writes some objects, from the back to the front.
pub fn shapes_to_json<'a>(shapes: impl IntoIterator<Item = &'a Shape>) -> String {
    let objects: Vec<String> = shapes.into_iter().map(|shape| object(shape).to_string()).collect();
    file(&objects)
}

fn file(objects: &[String]) -> String {
    let lines = objects.join(",\n");
    format!("{{\"format\":\"chalktalk-board\",\"version\":1,\"objects\":[\n{lines}\n]}}\n")
}

/// Reads what [`to_json`] wrote, or a person did.
///
/// # Errors
/// It is something else; an object says what no object can.
pub fn from_json(file: &Value, progress: &Progress) -> Result<Drawing, ReadError> {
    let broken = |why: String| ReadError::Broken(why);
    let Some(objects) = file["objects"].as_array().filter(|_| file["format"] == "chalktalk-board") else {
        let why = "the file is neither a board (\"format\": \"chalktalk-board\") nor an Excalidraw drawing";
        return Err(broken(why.into()));
    };
    if objects.len() > MAX_OBJECTS {
        return Err(ReadError::TooMany(objects.len()));
    }
    let (unknown, known): (Vec<_>, Vec<_>) =
        objects.iter().enumerate().partition(|(_, object)| object["kind"] == UNKNOWN);
    progress.begin(OBJECTS, known.len())?;
    let shapes = known.into_iter().map(|(index, object)| {
        progress.step(1)?;
        read_object(object).map_err(|why| broken(format!("object {} of the file: {why}", index + 1)))
    });
    let mut drawing = Drawing { shapes: shapes.collect::<Result<_, _>>()?, remarks: Vec::new() };
    if !unknown.is_empty() {
        let count = unknown.len();
        drawing.remarks.push(format!(
            "{count} objects of a newer version were left out: the file does not say what they are"
        ));
    }
    Ok(sound(drawing))
}

/// What objects of a newer version are written as.
const UNKNOWN: &str = "unknown";

const DASHES: [&str; 3] = ["solid", "dashed", "dotted"];
const HEADS: [&str; 5] = ["none", "arrow", "triangle", "dot", "bar"];
const ALIGNS: [&str; 3] = ["left", "centre", "right"];

fn object(shape: &Shape) -> Value {
    let mut out = Map::new();
    let plain = Shape::new(shape.kind);
    let mut put = |name: &str, value: Value, plain: bool| {
        if !plain {
            out.insert(name.into(), value);
        }
    };
    put("id", shape.id.to_string().into(), false);
    put("kind", shape.kind.name().into(), false);
    put("at", json!(shape.at), false);
    put("size", json!(shape.size), false);
    put("angle", json!(shape.angle), shape.angle == plain.angle);
    let (style, usual) = (&shape.style, &plain.style);
    put("ink", style.ink.to_string().into(), style.ink == usual.ink);
    put("fill", style.fill.to_string().into(), style.fill == usual.fill);
    put("width", json!(style.width), style.width == usual.width);
    put("opacity", json!(style.opacity), style.opacity == usual.opacity);
    put("dash", DASHES[style.dash as usize].into(), style.dash == usual.dash);
    let heads = [style.heads.start, style.heads.end].map(|head| HEADS[head as usize]);
    put("heads", json!(heads), style.heads == usual.heads);
    put("corner", json!(style.corner), style.corner == usual.corner);
    put("text", shape.text.as_str().into(), shape.text.is_empty());
    put("font", json!(shape.font.size), shape.font.size == plain.font.size);
    put("align", ALIGNS[shape.font.align as usize].into(), shape.font.align == plain.font.align);
    let groups: Vec<String> = shape.groups.iter().map(|group| format!("{group:016x}")).collect();
    put("groups", json!(groups), groups.is_empty());
    put("locked", true.into(), !shape.locked);
    match &shape.body {
        None => {}
        Some(Body::Points(points)) => {
            let sample = |s: &crate::model::Sample| {
                if points.has_pressure() { json!([s.x, s.y, s.pressure]) } else { json!([s.x, s.y]) }
            };
            put("points", points.samples().iter().map(sample).collect(), false);
        }
        Some(Body::Outline(outline)) => {
            put("path", path_data(outline.verbs()).into(), false);
            put("even_odd", true.into(), !outline.even_odd);
        }
        Some(Body::Image(image)) => {
            let hash: String = image.hash.iter().map(|byte| format!("{byte:02x}")).collect();
            put("image", json!({"blake3": hash, "bytes": image.length, "pixels": image.pixels}), false);
        }
    }
    Value::Object(out)
}

fn read_object(value: &Value) -> Result<Shape, String> {
    let name = value["kind"].as_str().ok_or("it has no \"kind\"")?;
    let kind = Kind::named(name).ok_or_else(|| format!("there is no kind {name:?}"))?;
    let at = pair(&value["at"], "at")?.unwrap_or_default();
    let mut shape = match read_body(value)? {
        Some((body, corner)) => Shape::with_body(kind, body, [at[0] + corner[0], at[1] + corner[1]]),
        None => Shape { at, ..Shape::new(kind) },
    };
    if let Some(size) = pair(&value["size"], "size")? {
        shape.size = size;
    }
    let number = |name: &str, usual: f32| match &value[name] {
        Value::Null => Ok(usual),
        given => given.as_f64().map(|n| n as f32).ok_or_else(|| format!("its {name} is not a number")),
    };
    let colour = |name: &str, usual: Colour| match &value[name] {
        Value::Null => Ok(usual),
        given => given
            .as_str()
            .and_then(Colour::parse)
            .ok_or_else(|| format!("its {name} is not a colour (#rrggbb)")),
    };
    shape.angle = number("angle", 0.0)?;
    shape.style.ink = colour("ink", shape.style.ink)?;
    shape.style.fill = colour("fill", shape.style.fill)?;
    shape.style.width = number("width", shape.style.width)?;
    shape.style.opacity = number("opacity", 100.0)?.clamp(0.0, 255.0) as u8;
    shape.style.corner = number("corner", 0.0)?;
    let which =
        |given: &Value, names: &[&str]| names.iter().position(|name| given == name).unwrap_or_default();
    shape.style.dash = [Dash::Solid, Dash::Dashed, Dash::Dotted][which(&value["dash"], &DASHES)];
    let head =
        |given: &Value| [Head::None, Head::Arrow, Head::Triangle, Head::Dot, Head::Bar][which(given, &HEADS)];
    shape.style.heads = Heads { start: head(&value["heads"][0]), end: head(&value["heads"][1]) };
    shape.text = value["text"].as_str().unwrap_or_default().to_owned();
    let align = [Align::Left, Align::Centre, Align::Right][which(&value["align"], &ALIGNS)];
    shape.font = Font { size: number("font", shape.font.size)?, align };
    let groups = value["groups"].as_array().map(Vec::as_slice).unwrap_or_default();
    shape.groups = groups.iter().filter_map(|g| u64::from_str_radix(g.as_str()?, 16).ok()).collect();
    shape.locked = value["locked"] == true;
    Ok(shape)
}

/// The body, and the corner of its box relative to where the object says it is.
fn read_body(value: &Value) -> Result<Option<(Body, [f32; 2])>, String> {
    if let Some(points) = value["points"].as_array() {
        let number = |point: &Value, at: usize| point[at].as_f64().map(|n| n as f32);
        let place = |point: &Value| Some([number(point, 0)?, number(point, 1)?]);
        let places: Option<Vec<[f32; 2]>> = points.iter().map(place).collect();
        let places = places.ok_or("a point is not [x, y] or [x, y, pressure]")?;
        let pressure: Option<Vec<f32>> = points.iter().map(|point| number(point, 2)).collect();
        let (points, corner) = Points::new(&places, pressure.as_deref()).map_err(|e| e.to_string())?;
        return Ok(Some((Body::Points(points), corner)));
    }
    if let Some(data) = value["path"].as_str() {
        let verbs =
            read_path(data).ok_or("its path is not made of M, L, C and Z with absolute coordinates")?;
        let (outline, corner) = Outline::new(&verbs, value["even_odd"] == true).map_err(|e| e.to_string())?;
        return Ok(Some((Body::Outline(outline), corner)));
    }
    if let Some(image) = value["image"].as_object() {
        let wrong = "its image is not {\"blake3\", \"bytes\", \"pixels\"}";
        let number = |value: &Value| value.as_u64().ok_or(wrong);
        let hash = image.get("blake3").and_then(Value::as_str).and_then(unhex).ok_or(wrong)?;
        let length = number(&image["bytes"])?;
        let pixels = [number(&image["pixels"][0])? as u32, number(&image["pixels"][1])? as u32];
        return Ok(Some((Body::Image(ImageRef { hash, length, pixels }), [0.0; 2])));
    }
    Ok(None)
}

fn pair(value: &Value, name: &str) -> Result<Option<[f32; 2]>, String> {
    let number = |at: usize| value[at].as_f64().map(|n| n as f32);
    match (value, number(0), number(1)) {
        (Value::Null, _, _) => Ok(None),
        (_, Some(x), Some(y)) => Ok(Some([x, y])),
        _ => Err(format!("its {name} is not [number, number]")),
    }
}

pub(super) fn path_data(verbs: &[Verb]) -> String {
    let points = |all: &[[f32; 2]]| all.iter().map(|[x, y]| format!("{x} {y}")).collect::<Vec<_>>().join(" ");
    let verb = |verb: &Verb| match verb {
        Verb::Move(p) => format!("M{}", points(&[*p])),
        Verb::Line(p) => format!("L{}", points(&[*p])),
        Verb::Curve(a, b, c) => format!("C{}", points(&[*a, *b, *c])),
        Verb::Close => "Z".into(),
    };
    verbs.iter().map(verb).collect::<Vec<_>>().join("")
}

fn read_path(data: &str) -> Option<Vec<Verb>> {
    let path = kurbo::BezPath::from_svg(data).ok()?;
    let p = |p: kurbo::Point| [p.x as f32, p.y as f32];
    let verbs = path.elements().iter().map(|element| match *element {
        kurbo::PathEl::MoveTo(a) => Verb::Move(p(a)),
        kurbo::PathEl::LineTo(a) => Verb::Line(p(a)),
        kurbo::PathEl::QuadTo(a, b) => Verb::Curve(p(a), p(a), p(b)),
        kurbo::PathEl::CurveTo(a, b, c) => Verb::Curve(p(a), p(b), p(c)),
        kurbo::PathEl::ClosePath => Verb::Close,
    });
    Some(verbs.collect())
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] * 16 + pair[1]).collect();
    bytes.try_into().ok()
}
