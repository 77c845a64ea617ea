"""What the tokenizer of small checkpoints learns its merges from: prose, code, JSON and numbers."""

TEXT = """\
The lead reads the task, splits it into parts that do not depend on each other, gives each to a sub-agent.
A sub-agent works alone. It reads files, runs commands, writes notes and answers with one message when it is done.
People watch the wall of tiles. Whoever sees an agent go astray takes the wheel, puts it right and hands it back.
Each step is on record before it happens. Nothing is lost when a process dies: the ledger says what was going on.
What is the weather in Paris today? What is the population of the largest city? Please list three of them.
Here is the answer. Here is the plan. First, look at the table. Then compare the numbers. Finally, write the report.
# Tools
## functions
namespace functions {
// Get the weather of a city
type get_weather = (_: {
  // Name of the city
  city: string,
  unit?: "celsius" | "fahrenheit"
}) => any;
}
{"name": "get_weather", "arguments": {"city": "Paris", "unit": "celsius"}}
{"type": "object", "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}}, "required": ["path"]}
[{"id": 1, "done": true, "score": 0.5}, {"id": 2, "done": false, "score": 12.75}, {"id": 3, "done": null}]
def read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()
for index in range(10): print(index, index * index)
0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 20 24 30 32 40 48 50 60 64 80 90 100 128 200 256 300 400 500 512 1000 1024
"""
