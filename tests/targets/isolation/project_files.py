"""Source texts of files that do work on import, for the tests in this folder."""

from __future__ import annotations

from pathlib import Path

NET = """\
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear({width}, 2)

    def forward(self, x):
        return self.fc(x)
"""


HEAD = "import os\nimport torch\nfrom torch import nn\nfrom pathlib import Path\n"


MARK = 'Path("ran").touch()\n'


GO = "def go(n):\n    open('ran', 'w')\n    return 1\n"


WORK = {
    "a training loop": """\
model = Net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(60):
    optimizer.zero_grad()
    loss = model(torch.randn(1, 3)).sum()
    loss.backward()
    open("ran", "w")
    optimizer.step()
""",
    "a loop without end": "while True:\n    open('ran', 'w')\n",
    "folders": "os.makedirs('ran', exist_ok=True)\n",
    "missing folders": "if not os.path.exists('ran'):\n    os.mkdir('ran')\n",
    "a folder by pathlib": "Path('ran').mkdir(parents=True, exist_ok=True)\n",
    "a command": "os.system('touch ran')\n",
    "an installation": "import subprocess, sys\nsubprocess.check_call(['touch', 'ran'])\n",
    "a command with output": "import subprocess\nout = subprocess.run(['touch', 'ran'])\n",
    "an imported function": "from os import makedirs\nmakedirs('ran')\n",
    "a file": "with open('ran', 'w') as log:\n    log.write('x')\n",
    "a file that stays open": "log = open('ran', 'a')\n",
    "a saved checkpoint": "torch.save(Net().state_dict(), 'ran')\n",
    "a function that works": "def main():\n    open('ran', 'w')\n\nmain()\n",
    "a function with a value": "def go():\n    os.mkdir('ran')\n    return 3\n\nvalue = go()\n",
    "a nested function": (
        "def inner():\n    os.mkdir('ran')\n\ndef outer():\n    inner()\n    return 1\n\n"
        "value = outer()\n"
    ),
    "a class that works": (
        "class Writer:\n    def __init__(self):\n        open('ran', 'w')\n\nwriter = Writer()\n"
    ),
    "a log": "import logging\nlogging.basicConfig(filename='ran')\n",
    "a database": "import sqlite3\nbase = sqlite3.connect('ran')\n",
    "a comprehension": "made = [os.mkdir('ran') for _ in range(1)]\n",
    "a condition": "if os.system('touch ran') == 0:\n    pass\n",
    "an assertion": "assert os.system('touch ran') == 0\n",
    "a thread": ("import threading\nthreading.Thread(target=lambda: open('ran', 'w')).start()\n"),
    "in try": "try:\n    os.mkdir('ran')\nexcept OSError:\n    pass\n",
    "in else of the guard": 'if __name__ == "__main__":\n    pass\nelse:\n    os.mkdir("ran")\n',
    "a decorator that runs": (
        "class Experiment:\n    def automain(self, f):\n        f()\n        return f\n\n"
        "ex = Experiment()\n\n@ex.automain\ndef main():\n    open('ran', 'w')\n"
    ),
    "exec": "exec('import os; os.mkdir(\"ran\")')\n",
    "an exit": "open('ran', 'w')\nraise SystemExit\n",
    "a prompt": "name = input('name? ')\nopen('ran', 'w')\n",
    "a function given to map": GO + "list(map(go, [1]))\n",
    "a function given to sorted": GO + "order = sorted([2, 1], key=go)\n",
    "a partial": GO + "from functools import partial\npartial(go, 1)()\n",
    "a function by name": GO + "import sys\ngetattr(sys.modules[__name__], 'go')(1)\n",
    "a lambda": "(lambda: open('ran', 'w'))()\n",
    "a function registered with atexit": GO + "import atexit\natexit.register(go, 1)\n",
    "atexit as decorator": "import atexit\n@atexit.register\n" + GO,
    "a decorator of the file that runs": "def once(f):\n    f(1)\n    return f\n@once\n" + GO,
    "a decorator with arguments that runs": (
        "def script(n):\n    def inner(f):\n        f(n)\n        return f\n    return inner\n"
        "@script(1)\n" + GO
    ),
    "a class body": "class Early:\n    size = 3\n    os.mkdir('ran')\n",
    "a class in a class": "class Early:\n    class Inner:\n        open('ran', 'w')\n",
    "a condition in a class": (
        "class Early:\n    if not os.path.exists('ran'):\n        os.mkdir('ran')\n"
    ),
    "a value of a class": "class Early:\n    log = open('ran', 'w')\n",
    "a saved TorchScript model": "torch.jit.save(torch.jit.script(nn.ReLU()), 'ran')\n",
}
"""Statements that do work, by their syntax or by a refused action."""


UNKNOWN = {
    "a method": (
        "class App:\n    def go(self):\n        torch.save(1, 'ran')\napp = App()\nresult = app.go()\n"
    ),
    "a constructor": (
        "class App:\n    def __init__(self):\n        self.go()\n"
        "    def go(self):\n        torch.save(1, 'ran')\napp = App()\n"
    ),
    "a property": (
        "class App:\n    @property\n    def go(self):\n        torch.save(1, 'ran')\nvalue = App().go\n"
    ),
    "an operator": (
        "class App:\n    def __or__(self, other):\n        torch.save(1, 'ran')\nvalue = App() | 1\n"
    ),
    "an iteration": (
        "class App:\n    def __getitem__(self, index):\n        torch.save(1, 'ran')\n"
        "        return [][index]\nfor each in App():\n    pass\n"
    ),
    "a function of another file": "import tools\nvalue = tools.go()\n",
    "a function of another file for training": (
        "import tools\nvalue = tools.go()\ndef train():\n    return value\n"
    ),
    "a tensor in a file": "shared = torch.from_file('ran', shared=True, size=4)\n",
    "an optimizer": "optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)\n",
}
"""Calls with unknown effects; torch writes checkpoints without an audit event."""


def has_run(folder: Path) -> bool:
    return any(path.name == "ran" for path in folder.rglob("*"))
