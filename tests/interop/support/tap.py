"""Runs a unittest module and prints one TAP line per case: `ok 1 - name`, `not ok 2 - name`."""

import unittest


class TapResult(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self._failure = None

    def addError(self, test, err):
        super().addError(test, err)
        self._failure = self.errors[-1][1]

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._failure = self.failures[-1][1]

    def stopTest(self, test):
        name = test.shortDescription() or test.id()
        print(f"{'not ok' if self._failure else 'ok'} {self.testsRun} - {name}", flush=True)
        for line in (self._failure or "").splitlines():
            print(f"# {line}", flush=True)
        super().stopTest(test)


def run(module):
    suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    result = TapResult()
    suite.run(result)
    print(f"1..{result.testsRun}")
    return 0 if result.testsRun > 0 and result.wasSuccessful() else 1

