// ask_data_plane: sends one command to a data plane, as the agent would, and prints the answer.
#include <chrono>
#include <cstdio>

#include "control/shm/channel_client.h"

int main(int count, char** arguments) {
  using namespace byway;  // a program, not a header
  if (count != 3 && count != 4) {
    std::fputs(
        "usage: ask_data_plane SOCKET COMMAND [ARGUMENTS]\n"
        "Exit code: 0 answered, 1 refused, 2 wrong use, 3 no data plane there.\n",
        stderr);
    return 2;
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  auto client = shm::ChannelClient::connect(arguments[1], "ask_data_plane", deadline);
  if (!client) {
    std::fprintf(stderr, "%s\n", client.error().text.c_str());
    return 3;
  }
  const auto answer = (*client)->command(arguments[2], count == 4 ? arguments[3] : "", deadline);
  if (!answer) {
    std::fprintf(stderr, "%s\n", answer.error().text.c_str());
    return 3;
  }
  std::printf("%s\n", answer->text.c_str());
  return answer->status == shm::AnswerStatus::ok ? 0 : 1;
}
