/* property - what the parts of the property test share: chance, the script of what was done, and
 * the messages, each of which is compared. Owned by property.c. */
#ifndef GS_TESTS_PROPERTY_H
#define GS_TESTS_PROPERTY_H

#include "tests/flow/property_world.h"

extern struct world w;
/* A deed of many messages counts as several. */
extern unsigned long step;

/* Less than n. */
unsigned below(unsigned n);
bool chance(unsigned percent);
/* A line of the script; slot -1: it concerns all. */
void note(int slot, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Ends the test with the script of the request (-1: with its end). */
void give_up(int slot, const char *what) __attribute__((noreturn));

/* ---- property_say.c: messages ---------------------------------------------------------------*/
/* Sends it, perhaps kills the keeper under it and sends it again, and compares the answer with the
 * reference's. */
void say(const struct message *m);
#define TOGETHER 8
/* From here on what is said is put aside, at most so many messages, none of which is about the
 * request of another and none of which changes documents, hosts or clocks; until it is sent in one
 * piece. */
void gather(void);
void say_together(void);
/* A word that the keeper notices the clock by; how many entries its log has. */
uint64_t hello(void);
/* Kills the keeper and starts it again. */
void restart(void);

/* ---- property_compare.c: the answers --------------------------------------------------------*/
/* What the reference has answered last. */
extern struct ref_answer want;
void ask_reference(const struct message *m);
/* The keeper's answer, which the fixture has; died: the keeper was killed under the message, and
 * the first of two may have done it already. */
void compare(const struct message *m, bool died);
/* The entry of a use that was committed just now. */
void same_authorize(const struct slot *s, uint64_t index);
void tell_difference(void);
void compare_summary(void);

/* ---- property_acts.c: what people and machines do -------------------------------------------*/
int any_slot(void);
/* Keys of the issuer are brought, most often the ones that are there. */
void bring_keys(void);
/* Writes the request that the slot has from then on; it is not sent. */
void ask(int slot, const struct ref_request *request);
void choose_token(int service, struct ref_token *t);
void choose_svid(struct ref_svid *s);
void new_request(int slot);
void request_again(int slot);
void act(int slot, enum statement_kind kind);
void act_again(int slot);
void commit(int slot);
/* Somebody in a seat. */
struct sitter {
	int person;
	unsigned key;
};
void approve_as(int slot, int rule, const struct sitter *by);
void preapprove_as(int rule, int key, unsigned files, const struct sitter *by);
void look_at(int slot);
void preapprove(void);
void say_word(void);
void give_access(void);
/* The newest of the reference's grants, which is not counted yet; kept back in so many of 100
 * cases. */
void give(unsigned kept);
void review(void);
void review_as(int owed, const struct sitter *by);

/* ---- property_changes.c: the world around them ----------------------------------------------*/
void clock_step(void);
/* The keeper notices it. */
void move_clock(unix_time t);
void change_policy(void);
void change_roster(void);
void lock_key(void);

/* ---- property_enrol.c ----------------------------------------------------------------------*/
void change_host(void);
void list_hosts(void);
/* Invited, and enrols with that key. */
void enrol_anew(int key);
/* With the next number. */
void renew(void);

/* ---- property_waiting.c: the next policy and roster, and what waits of them ------------------*/
/* Whether it is in force now. */
bool propose_policy(const struct ref_policy *p);
bool propose_roster(const struct ref_roster *r);
void look_at_waiting(void);

/* ---- property_scenes.c: what chance alone puts together too seldom --------------------------*/
void emergency(void);
void foreseen(void);
void all_at_once(void);
void catch_up(void);
void thaw(void);
void cut_short(void);
void held_back(void);
void move_house(void);
void clash(void);
void doubt(void);

#endif
