//! Checks of a parsed template, and the guards that are woven into it.
//!
//! Flows in: a tree. Flows out: the same with a guard behind every step of every pipeline, or the first name in it that does not
//! exist, the first method that a value cannot have (`methods`). The guard counts steps, bounds values, and makes the empty text of what is not there: so no template, however it was
//! written, outgrows its limits, and a missing label prints as nothing, as in Prometheus.

use gotmpl::parse::{BranchNode, CommandNode, Expr, ListNode, Node, PipeNode, Pos, SmolStr, TemplateNode};

use super::{TemplateFault, functions, methods, moment::Kind};
use crate::config::nearest;

/// Passes a value on; see the module's head.
pub(super) const GUARD: &str = "_guard";

/// Calls a method by its name: `_method "Year" $time`.
pub(super) const METHOD: &str = "_method";

/// Turns a value into the text that is printed.
pub(super) const SHOW: &str = "_show";

/// Values that one call takes: each may be as long as a value may be, and some functions put them all together.
const ARGUMENTS_MAX: usize = 64;

/// Functions of the engine itself.
const BUILTIN: [&str; 18] = [
    "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "call", "html", "js", "urlquery",
    "true", "false",
];

/// Checks all trees of a template and weaves guards into them.
pub(super) fn guarded(parsed: &gotmpl::Template, main: &str) -> Result<gotmpl::Template, TemplateFault> {
    let names: Vec<String> = parsed.templates().iter().map(|name| (*name).to_owned()).collect();
    // Of the parsed one nothing is kept but what is made of its trees.
    let mut guarded = functions::prototype();
    for name in &names {
        let Some(list) = parsed.lookup(name) else { continue };
        let mut list = list.clone();
        let mut assigned = Vec::new();
        methods::assigned(&list, &mut assigned);
        let mut weaver = Weaver {
            variables: vec![vec![("$".into(), Kind::Unknown)]],
            assigned,
            dots: vec![Kind::Unknown],
            templates: &names,
        };
        weaver.list(&mut list)?;
        // What calls only other templates computes nothing, and would count nothing.
        let tick = pipe_of(
            list.pos,
            vec![command(list.pos, vec![Expr::String(list.pos, "".into())])],
        );
        if name != main {
            list.nodes.insert(
                0,
                Node::Action(gotmpl::parse::ActionNode {
                    pos: list.pos,
                    pipe: with_guard(tick),
                }),
            );
        }
        guarded = guarded.add_parse_tree(name, list);
    }
    Ok(guarded)
}

struct Weaver<'t> {
    /// Of each block around, innermost last.
    variables: Vec<Vec<(SmolStr, Kind)>>,
    /// Those whose values change.
    assigned: Vec<SmolStr>,
    /// What the dot is, of each block around.
    dots: Vec<Kind>,
    templates: &'t [String],
}

type Checked = Result<(), TemplateFault>;

/// What kind of value there will be.
type Judged = Result<Kind, TemplateFault>;

impl Weaver<'_> {
    fn list(&mut self, list: &mut ListNode) -> Checked {
        list.nodes.iter_mut().try_for_each(|node| self.node(node))
    }

    fn node(&mut self, node: &mut Node) -> Checked {
        match node {
            Node::List(list) => self.list(list),
            Node::Action(action) => {
                self.pipe(&mut action.pipe)?;
                let pos = action.pos;
                if action.pipe.decl.is_empty() {
                    action
                        .pipe
                        .commands
                        .push(command(pos, vec![Expr::Identifier(pos, SHOW.into())]));
                }
                Ok(())
            }
            Node::If(branch) => self.branch(branch, |_, dot| dot),
            Node::Range(branch) => self.branch(branch, |_, _| Kind::Unknown),
            Node::With(branch) => self.branch(branch, |kind, _| kind),
            Node::Template(call) => self.call(call),
            Node::Define(define) => self.list(&mut define.body),
            Node::Text(_) | Node::Break(_) | Node::Continue(_) => Ok(()),
        }
    }

    /// `dot` says what the dot is within, from what the pipeline yields and what it is around.
    fn branch(&mut self, branch: &mut BranchNode, dot: impl Fn(Kind, Kind) -> Kind) -> Checked {
        self.variables.push(Vec::new());
        let kind = self.pipe(&mut branch.pipe)?;
        let around = self.dot();
        let within = dot(kind, around);
        if within == Kind::Unknown && kind != Kind::Unknown {
            // Of a range, whose variables are its elements.
            let own = self.variables.last_mut().into_iter().flatten();
            own.for_each(|(_, kind)| *kind = Kind::Unknown);
        }
        self.block(&mut branch.body, within)?;
        if let Some(otherwise) = &mut branch.else_body {
            self.block(otherwise, around)?;
        }
        self.variables.pop();
        Ok(())
    }

    fn block(&mut self, list: &mut ListNode, dot: Kind) -> Checked {
        self.variables.push(Vec::new());
        self.dots.push(dot);
        self.list(list)?;
        self.dots.pop();
        self.variables.pop();
        Ok(())
    }

    fn dot(&self) -> Kind {
        self.dots.last().copied().unwrap_or(Kind::Unknown)
    }

    fn call(&mut self, call: &mut TemplateNode) -> Checked {
        if !self.templates.iter().any(|name| *name == *call.name) {
            return Err(fault(call.pos, format!("there is no template `{}`", call.name), None));
        }
        call.pipe.as_mut().map_or(Ok(()), |pipe| self.pipe(pipe).map(drop))
    }

    fn pipe(&mut self, pipe: &mut PipeNode) -> Judged {
        let mut piped = None;
        for command in &mut pipe.commands {
            piped = Some(self.command(command, piped)?);
        }
        let kind = piped.unwrap_or(Kind::Unknown);
        if pipe.is_assign {
            let mut names = pipe.decl.iter();
            names.try_for_each(|name| self.variable(pipe.pos, name).map(drop))?;
        } else {
            for name in &pipe.decl {
                let changes = self.assigned.contains(name);
                let kind = if changes { Kind::Unknown } else { kind };
                if let Some(block) = self.variables.last_mut() {
                    block.push((name.clone(), kind));
                }
            }
        }
        *pipe = with_guard(std::mem::replace(pipe, pipe_of(pipe.pos, Vec::new())));
        Ok(kind)
    }

    /// What it yields, given what comes out of the one before it.
    fn command(&mut self, command: &mut CommandNode, piped: Option<Kind>) -> Judged {
        if command.args.len() > ARGUMENTS_MAX {
            let message = format!("a call with more than {ARGUMENTS_MAX} values");
            return Err(fault(command.pos, message, None));
        }
        let Some((head, args)) = command.args.split_first_mut() else {
            return Ok(Kind::Unknown);
        };
        let mut given = args
            .iter_mut()
            .map(|arg| self.argument(arg))
            .collect::<Result<Vec<Kind>, _>>()?;
        given.extend(piped);
        let kind = self.expr(head, &given)?;
        if !methods::fields(head).is_empty() {
            let pos = command.pos;
            let head = std::mem::replace(head, Expr::Nil(pos));
            let args = command.args.split_off(1);
            command.args = methods::woven(head, args).args;
        }
        Ok(kind)
    }

    fn argument(&mut self, arg: &mut Expr) -> Judged {
        let kind = self.expr(arg, &[])?;
        // What it names may be missing.
        if !methods::fields(arg).is_empty() {
            let pos = arg.pos();
            let inner = std::mem::replace(arg, Expr::Nil(pos));
            let pipe = with_guard(pipe_of(pos, vec![methods::woven(inner, Vec::new())]));
            *arg = Expr::Pipe(pos, pipe);
        }
        Ok(kind)
    }

    /// `given` is for the last of its fields, or for it when it is a function.
    fn expr(&mut self, expr: &mut Expr, given: &[Kind]) -> Judged {
        match expr {
            Expr::Identifier(pos, name) => function(*pos, name).map(|()| methods::of_function(name)),
            Expr::Variable(pos, name, fields) => methods::after(*pos, self.variable(*pos, name)?, fields, given),
            Expr::Field(pos, fields) => methods::after(*pos, self.dot(), fields, given),
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Chain(pos, inner, fields) => {
                let kind = self.expr(inner, &[])?;
                methods::after(*pos, kind, fields, given)
            }
            Expr::Dot(_) => Ok(self.dot()),
            Expr::String(..) => Ok(Kind::Text),
            Expr::Number(..) => Ok(Kind::Number),
            Expr::Bool(..) => Ok(Kind::Flag),
            Expr::Nil(_) => Ok(Kind::Unknown),
        }
    }

    fn variable(&self, pos: Pos, name: &SmolStr) -> Judged {
        // The innermost one hides others.
        let known = || self.variables.iter().rev().flat_map(|block| block.iter().rev());
        if let Some((_, kind)) = known().find(|(own, _)| own == name) {
            return Ok(*kind);
        }
        let near = nearest(name, known().map(|(name, _)| name.as_str()));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        Err(fault(pos, format!("undefined variable `{name}`"), hint))
    }
}

fn function(pos: Pos, name: &str) -> Checked {
    let known = || functions::names().filter(|name| !name.starts_with('_')).chain(BUILTIN);
    if known().any(|own| own == name) {
        return Ok(());
    }
    let hint = nearest(name, known()).map(|near| format!("did you mean `{near}`?"));
    Err(fault(pos, format!("function `{name}` does not exist"), hint))
}

pub(super) fn fault(pos: Pos, message: String, hint: Option<String>) -> TemplateFault {
    TemplateFault {
        at: pos.offset,
        message,
        hint,
    }
}

fn with_guard(mut pipe: PipeNode) -> PipeNode {
    let pos = pipe.pos;
    let steps = std::mem::take(&mut pipe.commands);
    for step in steps {
        pipe.commands.push(step);
        pipe.commands
            .push(command(pos, vec![Expr::Identifier(pos, GUARD.into())]));
    }
    pipe
}

pub(super) fn pipe_of(pos: Pos, commands: Vec<CommandNode>) -> PipeNode {
    PipeNode {
        pos,
        decl: Vec::new(),
        commands,
        is_assign: false,
    }
}

fn command(pos: Pos, args: Vec<Expr>) -> CommandNode {
    CommandNode { pos, args }
}
