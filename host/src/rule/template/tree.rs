//! Checks of a parsed template, and the guards that are woven into it.
//!
//! Flows in: a tree. Flows out: the same with a guard behind every step of every pipeline, or the first name in it that does not
//! exist. The guard counts steps, bounds values, and makes the empty text of what is not there: so no template, however it was
//! written, outgrows its limits, and a missing label prints as nothing, as in Prometheus.

use gotmpl::parse::{CommandNode, Expr, ListNode, Node, PipeNode, Pos, SmolStr, TemplateNode};

use super::{TemplateFault, functions};
use crate::config::nearest;

/// Passes a value on; see the module's head.
pub(super) const GUARD: &str = "_guard";

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
        let mut weaver = Weaver {
            variables: vec![vec!["$".into()]],
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
    variables: Vec<Vec<SmolStr>>,
    templates: &'t [String],
}

type Checked = Result<(), TemplateFault>;

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
            Node::If(branch) | Node::Range(branch) | Node::With(branch) => {
                self.variables.push(Vec::new());
                self.pipe(&mut branch.pipe)?;
                self.variables.push(Vec::new());
                self.list(&mut branch.body)?;
                self.variables.pop();
                if let Some(otherwise) = &mut branch.else_body {
                    self.variables.push(Vec::new());
                    self.list(otherwise)?;
                    self.variables.pop();
                }
                self.variables.pop();
                Ok(())
            }
            Node::Template(call) => self.call(call),
            Node::Define(define) => self.list(&mut define.body),
            Node::Text(_) | Node::Break(_) | Node::Continue(_) => Ok(()),
        }
    }

    fn call(&mut self, call: &mut TemplateNode) -> Checked {
        if !self.templates.iter().any(|name| *name == *call.name) {
            return Err(fault(call.pos, format!("there is no template `{}`", call.name), None));
        }
        call.pipe.as_mut().map_or(Ok(()), |pipe| self.pipe(pipe))
    }

    fn pipe(&mut self, pipe: &mut PipeNode) -> Checked {
        for command in &mut pipe.commands {
            self.command(command)?;
        }
        if pipe.is_assign {
            pipe.decl.iter().try_for_each(|name| self.variable(pipe.pos, name))?;
        } else if let Some(block) = self.variables.last_mut() {
            block.extend(pipe.decl.iter().cloned());
        }
        *pipe = with_guard(std::mem::replace(pipe, pipe_of(pipe.pos, Vec::new())));
        Ok(())
    }

    fn command(&mut self, command: &mut CommandNode) -> Checked {
        if command.args.len() > ARGUMENTS_MAX {
            let message = format!("a call with more than {ARGUMENTS_MAX} values");
            return Err(fault(command.pos, message, None));
        }
        for (at, arg) in command.args.iter_mut().enumerate() {
            self.expr(arg)?;
            let may_be_missing = matches!(arg, Expr::Field(..) | Expr::Chain(..))
                || matches!(arg, Expr::Variable(_, _, fields) if !fields.is_empty());
            if at > 0 && may_be_missing {
                let pos = arg.pos();
                let inner = std::mem::replace(arg, Expr::Nil(pos));
                let pipe = with_guard(pipe_of(pos, vec![CommandNode { pos, args: vec![inner] }]));
                *arg = Expr::Pipe(pos, pipe);
            }
        }
        Ok(())
    }

    fn expr(&mut self, expr: &mut Expr) -> Checked {
        match expr {
            Expr::Identifier(pos, name) => function(*pos, name),
            Expr::Variable(pos, name, _) => self.variable(*pos, name),
            Expr::Pipe(_, pipe) => self.pipe(pipe),
            Expr::Chain(_, inner, _) => self.expr(inner),
            Expr::Dot(_) | Expr::Field(..) | Expr::String(..) | Expr::Number(..) | Expr::Bool(..) | Expr::Nil(_) => {
                Ok(())
            }
        }
    }

    fn variable(&self, pos: Pos, name: &SmolStr) -> Checked {
        let known = || self.variables.iter().flatten();
        if known().any(|own| own == name) {
            return Ok(());
        }
        let near = nearest(name, known().map(SmolStr::as_str));
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

fn fault(pos: Pos, message: String, hint: Option<String>) -> TemplateFault {
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

fn pipe_of(pos: Pos, commands: Vec<CommandNode>) -> PipeNode {
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
