"""Group templates: what each is for, which fields it asks for, and who conducts it when nobody was named."""

from __future__ import annotations

from msgspec import Struct

from clawgroups.group.members import Member, MemberKind, ProgramConfig

CONDUCTOR = "survey-conductor"
WORKER = "survey-worker"
LIST_CONDUCTOR = "list-conductor"


def _bundled(id_: str, name: str, description: str, skills: tuple[str, ...], module: str) -> Member:
    program = ProgramConfig(command=("{python}", "-m", f"clawgroups.programs.{module}"))
    about = f"A bundled program, not a model: {description}"
    return Member(
        id=id_,
        name=name,
        kind=MemberKind.PROGRAM,
        description=about,
        skills=skills,
        program=program,
        bundled=True,
    )


BUNDLED_MEMBERS = (
    _bundled(
        CONDUCTOR,
        "Survey conductor",
        "lists a folder, hands out its files, writes the report.",
        ("survey", "plan"),
        "survey_conductor",
    ),
    _bundled(
        WORKER,
        "Survey worker",
        "measures one file with the real tools and describes it.",
        ("survey", "measure"),
        "survey_worker",
    ),
    _bundled(
        LIST_CONDUCTOR,
        "List conductor",
        "gives each line of a list to a sub-agent, writes the report.",
        ("list", "plan"),
        "list_conductor",
    ),
)


class Template(Struct, frozen=True):
    """A template for the new-group form. ``fields`` lists what it asks for, beside name, rules, limits and tools.

    ``needs_model``: it gives its conductor words that only a model, or a person, can follow.
    ``conductor``, ``worker``: bundled members that are taken where nobody was named.
    """

    id: str
    name: str
    description: str
    fields: tuple[str, ...]
    needs_model: bool = False
    conductor: str = ""
    worker: str = ""


GOAL = Template(
    id="goal",
    name="A goal of your own",
    description="A conductor splits your goal into tasks, gives each to a sub-agent and puts the answers together.",
    fields=("goal", "folder", "folder_mode", "conductor", "worker"),
)
SURVEY = Template(
    id="survey",
    name="Survey a folder",
    description="Lists a folder, gives each text file, up to 300, to a sub-agent that measures and describes it "
    "with real tools, and writes a report with tables. The folder is only read.",
    fields=("folder", "goal", "limit", "pace", "conductor", "worker"),
    conductor=CONDUCTOR,
    worker=WORKER,
)
REVIEW = Template(
    id="review",
    name="Review a change",
    description="Takes the change between two places of a git repository, or what is not committed yet, gives each "
    "changed file or each concern to a sub-agent, and reports the findings, the gravest first.",
    fields=("folder", "base", "head", "by", "goal", "conductor", "worker"),
    needs_model=True,
)
SWARM = Template(
    id="swarm",
    name="Answer a question in a swarm",
    description="Several sub-agents look at a question from different sides; the conductor compares what they found "
    "and writes one answer with its sources.",
    fields=("goal", "sides", "folder", "conductor", "worker"),
    needs_model=True,
)
LIST = Template(
    id="list",
    name="Do this list",
    description="Each line is one task for the member you choose: a program, a model or a person. A bundled program "
    "hands them out, at most so many at once, and puts the results into a table; no model is needed for that.",
    fields=("lines", "at_once", "goal", "folder", "folder_mode", "worker"),
    conductor=LIST_CONDUCTOR,
)
TEMPLATES = {one.id: one for one in (SURVEY, GOAL, REVIEW, SWARM, LIST)}


def template_of(kind: str) -> Template | None:
    """The template of a group, which keeps an empty word for a goal of one's own."""
    return TEMPLATES.get(kind or GOAL.id)
