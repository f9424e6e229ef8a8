package interop;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Runs every case in a room of its own, with a deadline, and prints one TAP line for each. */
public final class Main {
  private static final long CASE_SECONDS = 60;

  public static void main(String[] arguments) {
    ExecutorService runner = Executors.newCachedThreadPool(work -> {
      Thread thread = new Thread(work, "case");
      thread.setDaemon(true);
      return thread;
    });
    int number = 0;
    int failed = 0;
    for (Map.Entry<String, JavaClient.Case> each : JavaClient.cases().entrySet()) {
      number += 1;
      Future<?> outcome = runner.submit(() -> {
        try (Room room = new Room()) {
          each.getValue().run(room);
        }
        return null;
      });
      try {
        outcome.get(CASE_SECONDS, TimeUnit.SECONDS);
        System.out.println("ok " + number + " - " + each.getKey());
      } catch (Exception reason) {
        failed += 1;
        System.out.println("not ok " + number + " - " + each.getKey());
        StringWriter trace = new StringWriter();
        reason.printStackTrace(new PrintWriter(trace));
        trace.toString().lines().forEach(line -> System.out.println("# " + line));
      }
    }
    System.out.println("1.." + number);
    System.exit(failed == 0 && number > 0 ? 0 : 1);
  }
}
